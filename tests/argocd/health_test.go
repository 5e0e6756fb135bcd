// Package argocd runs the health scripts of config/argocd in the interpreter that Argo CD uses.
package argocd

import (
	"os"
	"path/filepath"
	"testing"

	lua "github.com/yuin/gopher-lua"
	"sigs.k8s.io/yaml"
)

const folder = "../../config/argocd/"

// A case is an object and what Argo CD shall say of it.
type health struct {
	Name    string         `json:"name"`
	Object  map[string]any `json:"object"`
	Status  string         `json:"status"`
	Message string         `json:"message"`
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// value gives Lua what a Kubernetes object gives it in Argo CD.
func value(state *lua.LState, from any) lua.LValue {
	switch from := from.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, field := range from {
			table.RawSetString(key, value(state, field))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, item := range from {
			table.Append(value(state, item))
		}
		return table
	case string:
		return lua.LString(from)
	case float64:
		return lua.LNumber(from)
	case bool:
		return lua.LBool(from)
	}
	return lua.LNil
}

func run(t *testing.T, script string, object map[string]any) (string, string) {
	t.Helper()
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	// Argo CD opens few libraries; the scripts need only the first.
	lua.OpenBase(state)
	state.SetGlobal("obj", value(state, object))
	if err := state.DoString(script); err != nil {
		t.Fatal(err)
	}
	result, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the script returns %v", state.Get(-1))
	}
	return text(result, "status"), text(result, "message")
}

func text(table *lua.LTable, field string) string {
	if value := table.RawGetString(field); value != lua.LNil {
		return value.String()
	}
	return ""
}

func TestHealth(t *testing.T) {
	var patch struct {
		Data map[string]string `json:"data"`
	}
	read(t, folder+"argocd-cm.yaml", &patch)
	for _, kind := range []string{"LLMInferenceService", "LLMInferenceServiceConfig"} {
		script := patch.Data["resource.customizations.health.serving.kserve.io_"+kind]
		var cases []health
		read(t, filepath.Join("testdata", kind+".yaml"), &cases)
		if script == "" || len(cases) < 3 {
			t.Fatalf("%s has no script, or not enough cases", kind)
		}
		for _, it := range cases {
			t.Run(kind+"/"+it.Name, func(t *testing.T) {
				status, message := run(t, script, it.Object)
				if status != it.Status || message != it.Message {
					t.Errorf("%s %q, want %s %q", status, message, it.Status, it.Message)
				}
			})
		}
	}
}
