package image

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-go/holdfast/policy/status"
)

// Decode puts back what Encode wrote: every field that is not skipped or kept is
// set, to zero if it was left out. On an error what p points to is of no use.
func (f *Form) Decode(data []byte, p any) error {
	return f.set(reflect.ValueOf(p).Elem(), data, "")
}

// set gives a value what was written; nil: nothing was. name is that of the field.
func (f *Form) set(v reflect.Value, data json.RawMessage, name string) error {
	if data == nil && v.Kind() != reflect.Struct || v.Type() == timeType || v.Type() == statusType {
		return f.setWhole(v, data, name)
	}
	switch v.Kind() {
	case reflect.Struct:
		return f.setFields(v, data)
	case reflect.Array, reflect.Slice:
		return f.setList(v, data, name)
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return f.set(v.Elem(), data, name)
	case reflect.Interface:
		if v.IsNil() || !slices.Contains(f.Known, v.Elem().Type()) {
			return fmt.Errorf("%s holds something else than what was written", name)
		}
		return f.set(v.Elem().Elem(), data, name)
	case reflect.Map:
		return setPairs(v, data, name)
	}
	return setScalar(v, data, name)
}

// setWhole sets what is written as one, or is left out.
func (f *Form) setWhole(v reflect.Value, data json.RawMessage, name string) error {
	switch {
	case v.Kind() == reflect.Func || v.Kind() == reflect.Interface:
		return nil
	case data == nil:
		v.SetZero()
		return nil
	}
	return wrap(name, json.Unmarshal(data, v.Addr().Interface()))
}

func wrap(name string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (f *Form) setFields(v reflect.Value, data json.RawMessage) error {
	var written map[string]json.RawMessage
	if data != nil {
		if err := json.Unmarshal(data, &written); err != nil {
			return wrap(v.Type().Name(), err)
		}
	}
	for _, m := range f.members(v.Type()) {
		if err := f.set(exposed(v.Field(m.index)), written[m.name], m.full); err != nil {
			return err
		}
		delete(written, m.name)
	}
	for name := range written {
		return fmt.Errorf("%s has no field %.64q", v.Type().Name(), name)
	}
	return nil
}

// setList sets an array, or a slice: in place if it has as many elements already.
func (f *Form) setList(v reflect.Value, data json.RawMessage, name string) error {
	var written []json.RawMessage
	if err := json.Unmarshal(data, &written); err != nil {
		return wrap(name, err)
	}
	switch {
	case v.Kind() == reflect.Array && len(written) > v.Len():
		return fmt.Errorf("%s has %d elements, there is room for %d", name, len(written), v.Len())
	case v.Kind() == reflect.Slice && (v.IsNil() || v.Len() != len(written)):
		v.Set(reflect.MakeSlice(v.Type(), len(written), len(written)))
	}
	for i := range v.Len() {
		var one json.RawMessage
		if i < len(written) {
			one = written[i]
		}
		if err := f.set(v.Index(i), one, name); err != nil {
			return err
		}
	}
	return nil
}

func setPairs(v reflect.Value, data json.RawMessage, name string) error {
	var written map[string]int64
	if err := json.Unmarshal(data, &written); err != nil {
		return wrap(name, err)
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(written)))
	for key, to := range written {
		k, err := strconv.ParseInt(key, 10, 64)
		if err != nil {
			return wrap(name, err)
		}
		v.SetMapIndex(reflect.ValueOf(k).Convert(v.Type().Key()), reflect.ValueOf(to).Convert(v.Type().Elem()))
	}
	return nil
}

func setScalar(v reflect.Value, data json.RawMessage, name string) (err error) {
	text := string(data)
	bits := 64
	if v.Kind() != reflect.String && v.Kind() != reflect.Bool {
		bits = v.Type().Bits()
	}
	switch v.Kind() {
	case reflect.Bool:
		var is bool
		is, err = strconv.ParseBool(text)
		v.SetBool(is)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var n int64
		n, err = strconv.ParseInt(text, 10, bits)
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		var n uint64
		n, err = strconv.ParseUint(text, 10, bits)
		v.SetUint(n)
	case reflect.Float64:
		var x float64
		x, err = strconv.ParseFloat(text, bits)
		v.SetFloat(x)
	case reflect.String:
		var s string
		err = json.Unmarshal(data, &s)
		v.SetString(s)
	default:
		err = fmt.Errorf("of type %s, which is not written", v.Type())
	}
	return wrap(name, err)
}

var _, _ json.Unmarshaler = (*time.Time)(nil), (*status.Status)(nil)
