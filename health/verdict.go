package health

// verdict is the last judgement of a policy. The zero value is healthy, with
// which every policy begins (reference).
type verdict struct{ unhealthy bool }

// set stores a judgement and says whether it differs from the one before.
func (v *verdict) set(healthy bool) (now, changed bool) {
	changed = v.unhealthy == healthy
	v.unhealthy = !healthy
	return healthy, changed
}
