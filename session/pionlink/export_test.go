package pionlink

// Look is one look at the states and the selected pair. Use it with a Media that
// does not look by itself.
func (m *Media) Look() { m.look() }

// SwapRole makes the Media believe that the roles in ICE were exchanged.
func (m *Media) SwapRole() { m.swapped.Store(true) }

// Swapped says whether it does.
func (m *Media) Swapped() bool { return m.swapped.Load() }
