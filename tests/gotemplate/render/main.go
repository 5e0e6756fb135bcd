// Command render prints, as JSON, what Go's text/template makes of the corpus: each template over each service.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"text/template"
	"text/template/parse"

	"sigs.k8s.io/yaml"

	"llmisvc.io/gotemplate/v1alpha2"
)

type Service struct {
	Name    string                       `json:"name"`
	Sparse  bool                         `json:"sparse"`
	Unsafe  bool                         `json:"unsafe"`
	Globals v1alpha2.GlobalConfig        `json:"globals"`
	Service v1alpha2.LLMInferenceService `json:"service"`
}

type Template struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

func main() {
	services, templates := read[Service]("corpus/services.yaml"), read[Template]("corpus/templates.yaml")
	expected := map[string]string{}
	counts := map[string]int{}
	for _, leaf := range templates {
		for i := range services {
			service := &services[i]
			name := leaf.Name + "/" + service.Name
			expected[name] = renderLeaf(leaf.Text, service)
			counts[comparePeer(name, leaf.Text, service, expected[name])]++
			counts["cases"]++
			if service.Sparse {
				counts["sparse"]++
			}
		}
	}
	fmt.Fprintln(os.Stderr, counts)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	check(out.Encode(expected))
}

func read[T any](path string) []T {
	data, err := os.ReadFile(path)
	check(err)
	var items []T
	check(yaml.UnmarshalStrict(data, &items))
	return items
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (s *Service) root() *v1alpha2.Root {
	return &v1alpha2.Root{
		LLMInferenceService: &s.Service, GlobalConfig: s.Globals, Parallelism: s.Service.Spec.Parallelism,
	}
}

// Characters that are no space stand for line breaks and tabs while a leaf is parsed, so that trim markers stop at
// them as they do at the two characters \n of a JSON text.
var encode = strings.NewReplacer("\n", "\uFDD0", "\t", "\uFDD1", "\r", "\uFDD2")
var decode = strings.NewReplacer("\uFDD0", "\n", "\uFDD1", "\t", "\uFDD2", "\r")

// renderLeaf renders one leaf with values entering unescaped: only what comes from the source is decoded.
func renderLeaf(text string, service *Service) string {
	parsed, err := template.New("config").Option("missingkey=error").Funcs(functions(`\"`)).Parse(encode.Replace(text))
	if err != nil {
		return "error: parse"
	}
	for _, associated := range parsed.Templates() {
		decodeNode(associated.Root)
	}
	return execute(parsed, service)
}

func execute(parsed *template.Template, service *Service) string {
	var out bytes.Buffer
	if err := parsed.Execute(&out, service.root()); err != nil {
		return "error: " + class(err.Error())
	}
	if address.Match(out.Bytes()) {
		return "address: not compared"
	}
	return "ok: " + out.String()
}

// Go prints pointers inside of structs as addresses, which differ from run to run.
var address = regexp.MustCompile("0x[0-9a-f]{9,}|[0-9]{13,}")

func class(message string) string {
	switch {
	case strings.Contains(message, "nil pointer evaluating"), strings.Contains(message, "nil data; no entry"):
		return "nil"
	case strings.Contains(message, "can't evaluate field"):
		return "field"
	case strings.Contains(message, "map has no entry for key"):
		return "key"
	}
	return "other"
}

func decodeNode(node parse.Node) {
	switch node := node.(type) {
	case *parse.ListNode:
		if node != nil {
			decodeAll(node.Nodes)
		}
	case *parse.TextNode:
		node.Text = []byte(decode.Replace(string(node.Text)))
	case *parse.StringNode:
		node.Text = decode.Replace(node.Text)
	case *parse.ActionNode:
		decodeNode(node.Pipe)
	case *parse.TemplateNode:
		decodeNode(node.Pipe)
	case *parse.PipeNode:
		if node != nil {
			for _, command := range node.Cmds {
				decodeAll(command.Args)
			}
		}
	case *parse.ChainNode:
		decodeNode(node.Node)
	case *parse.IfNode:
		decodeBranch(&node.BranchNode)
	case *parse.WithNode:
		decodeBranch(&node.BranchNode)
	case *parse.RangeNode:
		decodeBranch(&node.BranchNode)
	}
}

func decodeAll(nodes []parse.Node) {
	for _, node := range nodes {
		decodeNode(node)
	}
}

func decodeBranch(node *parse.BranchNode) {
	decodeNode(node.Pipe)
	decodeNode(node.List)
	decodeNode(node.ElseList)
}

// comparePeer renders the leaf as the peer does, as part of a JSON text, and stops the program if that gives another
// output. It can only be compared where the JSON text parses as a template (no double quotes in actions) and the
// values don't break the JSON.
func comparePeer(name, text string, service *Service, leaf string) string {
	source, err := json.Marshal(text)
	check(err)
	parsed, err := template.New("config").Option("missingkey=error").Funcs(functions(`\\\"`)).Parse(string(source))
	if err != nil {
		return "peer: does not parse"
	}
	if service.Unsafe {
		return "peer: unsafe values"
	}
	peer := execute(parsed, service)
	if document, ok := strings.CutPrefix(peer, "ok: "); ok {
		var decoded string
		if err := json.Unmarshal([]byte(document), &decoded); err != nil {
			return "peer: unsafe values"
		}
		peer = "ok: " + decoded
	}
	if peer != leaf {
		check(fmt.Errorf("%s: as a leaf %q, as the peer %q", name, leaf, peer))
	}
	return "peer: equal"
}
