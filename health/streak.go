package health

// streak counts evaluations in a row with the same finding. The zero value has
// counted none.
type streak int

// count takes one more evaluation and says whether it is one too many: more than
// limit in a row have found it. The count then begins anew (reference). An
// evaluation that does not find it ends the row.
func (s *streak) count(found bool, limit int) (tooMany bool) {
	if !found {
		*s = 0
		return false
	}
	*s++
	if int(*s) <= limit {
		return false
	}
	*s = 0
	return true
}
