// Command shapes prints the table of Go struct shapes that templates and merges walk, as compact JSON:
//
//	{"TYPE": [["json name", "Go name", "type"], …], …}
//
// A Go name with "+" is an embedded struct, whose fields can be reached without it; if its json name is "" they stand
// beside their neighbours in JSON too. Types: a scalar in lower case (string, bool, int, uint, float, quantity,
// intstr, url, raw, time, duration, bytes), *T, [keys]T (a list, merged by these keys, or replaced when there are
// none), {}T (a map with string keys), or the name of a struct.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"llmisvc.io/gotemplate/v1alpha2"
)

var scalars = map[reflect.Type]string{
	reflect.TypeFor[resource.Quantity]():    "quantity",
	reflect.TypeFor[intstr.IntOrString]():   "intstr",
	reflect.TypeFor[v1alpha2.URL]():         "url",
	reflect.TypeFor[runtime.RawExtension](): "raw",
	reflect.TypeFor[metav1.FieldsV1]():      "raw",
	reflect.TypeFor[metav1.Time]():          "time",
	reflect.TypeFor[metav1.MicroTime]():     "time",
	reflect.TypeFor[metav1.Duration]():      "duration",
	reflect.TypeFor[[]byte]():               "bytes",
}

// Several packages are called v1: the part before the slash tells them apart, Go's messages show the rest.
var groups = map[string]string{
	"k8s.io/api/core/v1":                                 "core/",
	"k8s.io/api/autoscaling/v2":                          "autoscaling/",
	"k8s.io/apimachinery/pkg/apis/meta/v1":               "meta/",
	"sigs.k8s.io/gateway-api/apis/v1":                    "gateway/",
	"sigs.k8s.io/gateway-api-inference-extension/api/v1": "pool/",
	"llmisvc.io/gotemplate/v1alpha2":                     "",
}

type field [3]string

type table map[string][]field

func (t table) typeOf(goType reflect.Type, keys string) string {
	if name, known := scalars[goType]; known {
		return name
	}
	switch goType.Kind() {
	case reflect.Pointer:
		return "*" + t.typeOf(goType.Elem(), "")
	case reflect.Slice:
		return "[" + keys + "]" + t.typeOf(goType.Elem(), "")
	case reflect.Map:
		return "{}" + t.typeOf(goType.Elem(), "")
	case reflect.Struct:
		return t.structOf(goType)
	case reflect.String, reflect.Bool:
		return goType.Kind().String()
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "int"
	case reflect.Uint16:
		return "uint"
	case reflect.Float64:
		return "float"
	}
	panic(fmt.Sprintf("no shape for %s", goType))
}

func (t table) structOf(goType reflect.Type) string {
	group, known := groups[goType.PkgPath()]
	if !known {
		panic("no group for " + goType.PkgPath())
	}
	name := group + goType.String()
	if _, done := t[name]; done {
		return name
	}
	t[name] = []field{}
	for i := range goType.NumField() {
		if goField := goType.Field(i); goField.IsExported() {
			t[name] = append(t[name], t.fieldOf(goField))
		}
	}
	return name
}

func (t table) fieldOf(goField reflect.StructField) field {
	name, _, _ := strings.Cut(goField.Tag.Get("json"), ",")
	strategy := strings.Split(goField.Tag.Get("patchStrategy"), ",")
	keys := ""
	if slices.Contains(strategy, "merge") {
		keys = goField.Tag.Get("patchMergeKey")
	}
	goName := goField.Name
	if goField.Anonymous {
		goName = "+" + goName
	}
	return field{name, goName, t.typeOf(goField.Type, keys)}
}

func main() {
	shapes := table{}
	shapes.structOf(reflect.TypeFor[v1alpha2.Root]())
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	if err := out.Encode(shapes); err != nil {
		panic(err)
	}
}
