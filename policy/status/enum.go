package status

import (
	"fmt"
	"strconv"
	"strings"
)

// numbered writes a value that has no name, as "Kind(7)".
func numbered(kind string, n int) string { return fmt.Sprintf("%s(%d)", kind, n) }

// parseNumbered reads what numbered writes.
func parseNumbered(kind, s string) (int, bool) {
	digits, found := strings.CutPrefix(s, kind+"(")
	digits, closed := strings.CutSuffix(digits, ")")
	n, err := strconv.Atoi(digits)
	return n, found && closed && err == nil
}

// enumName names n after its place in names.
func enumName(kind string, n int, names ...string) string {
	if n >= 0 && n < len(names) {
		return names[n]
	}
	return numbered(kind, n)
}

// parseEnum reads what enumName writes, without regard to the case of letters
// in a name.
func parseEnum(kind, s string, names []string) (int, bool) {
	for n, name := range names {
		if strings.EqualFold(s, name) {
			return n, true
		}
	}
	return parseNumbered(kind, s)
}
