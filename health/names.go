package health

import (
	"fmt"
	"slices"
	"strings"
)

// names are the texts of an enumeration, by value from 0.
type names []string

func (n names) format(kind string, v int) string {
	if v < 0 || v >= len(n) {
		return fmt.Sprintf("%s(%d)", kind, v)
	}
	return n[v]
}

func (n names) parse(kind string, text []byte) (int, error) {
	v := slices.Index(n, string(text))
	if v < 0 {
		return 0, fmt.Errorf("health: unknown %s %.64q, want one of: %s", kind, text, strings.Join(n, ", "))
	}
	return v, nil
}
