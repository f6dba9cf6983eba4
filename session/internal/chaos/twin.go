package chaos

import (
	"reflect"

	"github.com/holdfast-go/holdfast/session/internal/machine"
)

// twins: in one life of so many there is a second core, which is handed the same.
const twins = 8

// compare hands an input to the twin as well, which has to do the same, to the last
// field (G14).
func (c *core) compare(in *machine.Input, effects []machine.Effect) {
	if c.twin == nil {
		return
	}
	if i := differ(effects, c.twin.Handle(c.now, *in)); i >= 0 {
		c.witness.breaks(ruleReplay, "%s, for the second time, leads to another effect %d", in.Kind, i+1)
	}
	due, armed := c.core.Deadline()
	if at, ok := c.twin.Deadline(); at != due || ok != armed {
		c.witness.breaks(ruleReplay, "%s, for the second time, sets another deadline", in.Kind)
	}
}

// differ gives the index of the first effect that is another one, -1 if there is none.
func differ(a, b []machine.Effect) int {
	for i := range a {
		if i >= len(b) || !reflect.DeepEqual(a[i], b[i]) {
			return i
		}
	}
	if len(b) > len(a) {
		return len(a)
	}
	return -1
}
