package image

import (
	"fmt"
	"hash/fnv"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
)

// Form says how the fields of some types are treated. Fields are named with their
// package and type, as in "machine.Machine.cfg".
type Form struct {
	// Skip lists the fields that are neither written nor touched: what holds them
	// is made with them.
	Skip []string
	// Kept lists the fields with an interface that stays as it is. If it holds one
	// of Known, that is written and put back in place.
	Kept  []string
	Known []reflect.Type // pointers to structs
	// Endpoints lists the text fields that name endpoints, Words those of which
	// nothing is to be hidden.
	Endpoints, Words []string

	types sync.Map // from reflect.Type to []member
}

// member is a field that is written.
type member struct {
	index      int
	name, full string
}

// members are those of a struct.
func (f *Form) members(t reflect.Type) []member {
	if known, ok := f.types.Load(t); ok {
		return known.([]member)
	}
	var list []member
	for i := range t.NumField() {
		if full := of(t, t.Field(i)); !listed(f.Skip, full) {
			list = append(list, member{i, t.Field(i).Name, full})
		}
	}
	f.types.Store(t, list)
	return list
}

// Scrub replaces what must not be written. Either function may be nil.
type Scrub struct {
	// Text is for what an error says, Endpoint for the name of an endpoint.
	Text, Endpoint func(string) string
}

var (
	timeType   = reflect.TypeFor[time.Time]()
	statusType = reflect.TypeFor[status.Status]()
	textType   = reflect.TypeFor[string]()
)

// of names a field.
func of(t reflect.Type, f reflect.StructField) string { return t.String() + "." + f.Name }

// Check names the first part of a type that the form does not say how to write; nil
// if there is none.
func (f *Form) Check(t reflect.Type) error {
	return f.walk(t, t.String(), func(reflect.Type, string) {})
}

// Layout is a short text that differs where the written form of a type does.
func (f *Form) Layout(t reflect.Type) string {
	sum := fnv.New64a()
	_ = f.walk(t, "", func(t reflect.Type, path string) { fmt.Fprintln(sum, path, t.Kind(), length(t)) })
	return fmt.Sprintf("%016x", sum.Sum64())
}

func length(t reflect.Type) int {
	if t.Kind() == reflect.Array {
		return t.Len()
	}
	return 0
}

// walk visits whatever is written of a type.
func (f *Form) walk(t reflect.Type, path string, visit func(t reflect.Type, path string)) error {
	visit(t, path)
	if t == timeType || t == statusType {
		return nil
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float64, reflect.Func,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return f.walk(t.Elem(), path+"[]", visit)
	case reflect.Map:
		if t.Key().Kind() == reflect.Int && t.Elem().Kind() == reflect.Int {
			return nil
		}
	case reflect.Struct:
		return f.walkFields(t, path, visit)
	}
	return fmt.Errorf("image: %s is of type %s, which is not written", path, t)
}

func (f *Form) walkFields(t reflect.Type, path string, visit func(t reflect.Type, path string)) error {
	for _, m := range f.members(t) {
		field := t.Field(m.index)
		switch {
		case listed(f.Kept, m.full):
			visit(field.Type, path+"."+m.name)
			continue
		case isText(field.Type) && !listed(f.Endpoints, m.full) && !listed(f.Words, m.full):
			return fmt.Errorf("image: %s is text: is it an endpoint?", m.full)
		}
		if err := f.walk(field.Type, path+"."+m.name, visit); err != nil {
			return err
		}
	}
	return nil
}

// isText says whether a type is plain text, or a list of that. Named types of text
// have a few values of our own.
func isText(t reflect.Type) bool {
	return t == textType || t.Kind() == reflect.Slice && t.Elem() == textType
}

func listed(names []string, name string) bool { return slices.Contains(names, name) }
