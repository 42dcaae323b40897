package apidocs

import "reflect"

// A Method is an exported method of one of the client's services.
type Method struct {
	reflect.Method

	Op       string // such as Agents.Get
	Receiver reflect.Type
}

// Methods returns the methods of all services of a client's type.
func Methods(client reflect.Type) []Method {
	var all []Method
	for _, field := range reflect.VisibleFields(client) {
		if !field.IsExported() {
			continue
		}
		for i := range field.Type.NumMethod() {
			m := Method{field.Type.Method(i), "", field.Type}
			m.Op = field.Name + "." + m.Name
			all = append(all, m)
		}
	}
	return all
}

// IsWrapper reports whether the method has no route of its own: the streaming twins of lists,
// waiting and finding.
func (m Method) IsWrapper() bool {
	switch m.Name {
	case "All", "AllCases", "Wait", "RunAndWait", "Find":
		return true
	}
	return false
}

// IsList reports whether the method returns a slice.
func (m Method) IsList() bool { return m.Type.Out(0).Kind() == reflect.Slice }

// Record is the type that the method returns, or whose slice it returns.
func (m Method) Record() reflect.Type { return m.Type.Out(0).Elem() }
