package image

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"github.com/holdfast-go/holdfast/policy/status"
)

// Encode writes what p points to; what is zero is left out, a negative zero, too.
func (f *Form) Encode(p any, hide Scrub) ([]byte, error) {
	e := encoder{form: f, hide: hide}
	v := reflect.ValueOf(p).Elem()
	b := e.value(nil, v, "")
	return b, e.err
}

type encoder struct {
	form *Form
	hide Scrub
	err  error
}

// value writes a value; name is that of the field it was found in.
func (e *encoder) value(b []byte, v reflect.Value, name string) []byte {
	switch v.Type() {
	case timeType:
		return e.marshal(b, exposed(v).Interface().(time.Time))
	case statusType:
		return e.marshal(b, Hidden(exposed(v).Interface().(status.Status), e.hide))
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(b, v.Uint(), 10)
	case reflect.Float64:
		return e.float(b, v.Float())
	case reflect.String:
		return e.marshal(b, e.text(v.String(), name))
	case reflect.Struct:
		return e.fields(b, v)
	case reflect.Array, reflect.Slice:
		return e.list(b, v, name)
	case reflect.Pointer:
		return e.value(b, v.Elem(), name)
	case reflect.Interface:
		return e.value(b, v.Elem(), name)
	case reflect.Map:
		return e.pairs(b, v)
	}
	e.err = fmt.Errorf("image: %s is of type %s, which is not written", name, v.Type())
	return b
}

func (e *encoder) text(s, name string) string {
	if e.hide.Endpoint != nil && listed(e.form.Endpoints, name) {
		return e.hide.Endpoint(s)
	}
	return s
}

func (e *encoder) float(b []byte, x float64) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		e.err = fmt.Errorf("image: %v is no number", x)
	}
	return strconv.AppendFloat(b, x, 'g', -1, 64)
}

func (e *encoder) marshal(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		e.err = err
	}
	return append(b, text...)
}

func (e *encoder) fields(b []byte, v reflect.Value) []byte {
	b = append(b, '{')
	empty := len(b)
	for _, m := range e.form.members(v.Type()) {
		field := v.Field(m.index)
		if !e.form.writes(field) {
			continue
		}
		if len(b) > empty {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), m.name...), `":`...)
		b = e.value(b, field, m.full)
	}
	return append(b, '}')
}

// writes says whether there is anything to write.
func (f *Form) writes(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Func:
		return false
	case reflect.Interface:
		return !v.IsNil() && slices.Contains(f.Known, v.Elem().Type())
	}
	return !v.IsZero()
}

func (e *encoder) list(b []byte, v reflect.Value, name string) []byte {
	n := v.Len()
	for v.Kind() == reflect.Array && n > 0 && v.Index(n-1).IsZero() {
		n--
	}
	b = append(b, '[')
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.value(b, v.Index(i), name)
	}
	return append(b, ']')
}

// pairs writes a map between numbers, in the order of its keys.
func (e *encoder) pairs(b []byte, v reflect.Value) []byte {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return int(a.Int() - b.Int()) })
	b = append(b, '{')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(strconv.AppendInt(b, k.Int(), 10), `":`...)
		b = strconv.AppendInt(b, v.MapIndex(k).Int(), 10)
	}
	return append(b, '}')
}

// exposed is an addressable value without the mark of the unexported field it came
// from, so that it can be read as what it is, and set.
func exposed(v reflect.Value) reflect.Value {
	return reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
}
