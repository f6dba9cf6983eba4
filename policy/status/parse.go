package status

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Parse reads a code from its name (the case of letters does not matter), from
// its decimal number, or from the form "Code(99)" in which String writes
// unknown codes. A plain number has to belong to a known code; only the form
// "Code(99)" gives an unknown one. Errors quote what could not be read.
func Parse(s string) (Code, error) {
	for c := range table {
		if strings.EqualFold(s, table[c].name) {
			return Code(c), nil
		}
	}
	if n, ok := parseNumbered("Code", s); ok {
		return Code(n), nil
	}
	if n, err := strconv.Atoi(s); err == nil {
		return fromNumber(n)
	}
	return OK, fmt.Errorf("status: no code is called %.64q", s)
}

// fromNumber refuses numbers without a name: a mistyped number in a
// configuration should be found, not carried along as an unknown code.
func fromNumber(n int) (Code, error) {
	if c := Code(n); c.Known() {
		return c, nil
	}
	return OK, fmt.Errorf("status: code number %d is outside 0..%d", n, len(table)-1)
}

// MarshalText returns the text of String, so a code appears by name in JSON,
// as a value and as the key of a map. It never fails.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText accepts what Parse accepts. On an error the code keeps its
// value.
func (c *Code) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}

// UnmarshalJSON accepts a string that Parse accepts, or the number of a known
// code. Null changes nothing, as is the custom of package encoding/json. On an
// error the code keeps its value.
func (c *Code) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if string(data) == "null" {
		return nil
	}
	parsed, err := parseJSON(data)
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}

func parseJSON(data []byte) (Code, error) {
	var name string
	if json.Unmarshal(data, &name) == nil {
		return Parse(name)
	}
	var number int
	if json.Unmarshal(data, &number) == nil {
		return fromNumber(number)
	}
	return OK, fmt.Errorf("status: a code is a string or a whole number, not %.64q", data)
}
