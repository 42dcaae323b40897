package compat

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prompt-orchestra/promptorchestra-go"
)

// valueTypes returns all types that methods of the services take and return, but for options.
func valueTypes() map[reflect.Type]bool {
	types := map[reflect.Type]bool{}
	for _, service := range reflect.VisibleFields(reflect.TypeFor[promptorchestra.Client]()) {
		for i := 0; service.IsExported() && i < service.Type.NumMethod(); i++ {
			m := service.Type.Method(i).Type
			for i := 2; i < m.NumIn()-1; i++ {
				types[m.In(i)] = true
			}
			if m.NumOut() > 0 && m.Out(0).Kind() != reflect.Func {
				types[m.Out(0)] = true
			}
		}
	}
	return types
}

// fill sets everything that a value holds to something.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch value := v.Addr().Interface().(type) {
	case *promptorchestra.Timestamp:
		value.Time = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		return
	case *promptorchestra.Secret:
		*value = promptorchestra.NewSecret("x")
		return
	case *promptorchestra.RawJSON:
		*value = promptorchestra.RawJSON(`{"x":1}`)
		return
	case *any:
		*value = map[string]any{"x": 1}
		return
	}
	if strings.HasPrefix(v.Type().Name(), "Opt[") {
		for _, text := range []string{`"x"`, "true", "1", `{"x":1}`} {
			if v.IsZero() {
				_ = json.Unmarshal([]byte(text), v.Addr().Interface())
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0))
	case reflect.Map:
		key, element := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key)
		fill(t, element)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, element)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0)))
			return
		}
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				t.Errorf("%v has an unexported field and no Equal method", v.Type())
				continue
			}
			fill(t, v.Field(i))
		}
	default:
		t.Errorf("nothing is known to fill %v with", v.Type())
	}
}

func TestEveryRecordAndParamsCompare(t *testing.T) {
	types := valueTypes()
	if len(types) < 60 {
		t.Errorf("only %d types", len(types))
	}
	for typ := range types {
		one, other, zero := reflect.New(typ), reflect.New(typ), reflect.New(typ)
		fill(t, one.Elem())
		fill(t, other.Elem())
		if diff := cmp.Diff(one.Interface(), other.Interface()); diff != "" {
			t.Errorf("%v: %s", typ, diff)
		}
		if cmp.Equal(one.Interface(), zero.Interface()) {
			t.Errorf("%v equals its zero value", typ)
		}
	}
}

func TestComparedByValue(t *testing.T) {
	type pair struct{ one, other any }
	for name, same := range map[string]pair{
		"raw JSON":  {promptorchestra.RunDetail{InputSnapshot: promptorchestra.RawJSON(`{"a":1}`)}, promptorchestra.RunDetail{InputSnapshot: promptorchestra.RawJSON(`{ "a": 1.0 }`)}},
		"a secret":  {promptorchestra.NewSecret("x"), promptorchestra.NewSecret("x")},
		"null":      {promptorchestra.AgentUpdateParams{Name: promptorchestra.Null[string]()}, promptorchestra.AgentUpdateParams{Name: promptorchestra.Null[string]()}},
		"a graph":   {promptorchestra.Workflow{}, promptorchestra.Workflow{Steps: []promptorchestra.WorkflowStep{}}},
		"the Extra": {promptorchestra.WorkflowStep{Extra: map[string]promptorchestra.RawJSON{"a": []byte("1")}}, promptorchestra.WorkflowStep{Extra: map[string]promptorchestra.RawJSON{"a": []byte("1.0")}}},
	} {
		if diff := cmp.Diff(same.one, same.other); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for name, differ := range map[string]pair{
		"raw JSON": {promptorchestra.RawJSON("1"), promptorchestra.RawJSON("2")},
		"a secret": {promptorchestra.NewSecret("secret-x"), promptorchestra.NewSecret("secret-y")},
		"null":     {promptorchestra.AgentUpdateParams{Name: promptorchestra.Null[string]()}, promptorchestra.AgentUpdateParams{}},
		"set":      {promptorchestra.AgentUpdateParams{Name: promptorchestra.Set("")}, promptorchestra.AgentUpdateParams{}},
	} {
		diff := cmp.Diff(differ.one, differ.other)
		if diff == "" || strings.Contains(diff, "secret-") {
			t.Errorf("%s: %q", name, diff)
		}
	}
}
