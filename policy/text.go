package policy

import (
	"fmt"
	"slices"
	"strings"
)

// texts holds the texts of an enumeration whose values count from 0.
type texts []string

// format gives the text of value v; a value without one shows its number, as in
// "Class(99)".
func (t texts) format(kind string, v int) string {
	if v < 0 || v >= len(t) {
		return fmt.Sprintf("%s(%d)", kind, v)
	}
	return t[v]
}

// parse is the inverse of format for values that have a text.
func (t texts) parse(kind string, text []byte) (int, error) {
	v := slices.Index(t, string(text))
	if v < 0 {
		return 0, fmt.Errorf("policy: unknown %s %.64q, want one of: %s", kind, text, strings.Join(t, ", "))
	}
	return v, nil
}
