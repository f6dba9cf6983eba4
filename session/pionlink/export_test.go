package pionlink

// Look is one look at the states and the selected pair. Use it with a Media that
// does not look by itself.
func (m *Media) Look() { m.look() }

// SwapRole makes the Media believe that the roles in ICE were exchanged.
func (m *Media) SwapRole() { m.swapped.Store(true) }

// Swapped says whether it does.
func (m *Media) Swapped() bool { return m.swapped.Load() }

// Answer takes a genuine answer to a probe, of the present path or of one that had
// the same addresses before an ICE restart.
func (m *Media) Answer(id uint64, old bool) {
	at, _, _ := m.selected()
	if old {
		at.peer = "of before"
	}
	m.answers <- &probe{number: id, path: at, media: m}
}
