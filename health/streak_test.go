package health

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestStreak(t *testing.T) {
	tests := []struct {
		name  string
		limit int
		found string // x: found
		want  string // x: too many
	}{
		{"more than the limit, then anew", 2, "xxxxxxx", "..x..x."},
		{"in a row", 2, "xx.xx.xxx", "........x"},
		{"none tolerated", 0, "x.xx", "x.xx"},
		{"negative is as 0", -1, "x.xx", "x.xx"},
		{"nothing found", 0, "....", "...."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s streak
			got := ""
			for _, c := range tt.found {
				if s.count(c == 'x', tt.limit) {
					got += "x"
				} else {
					got += "."
				}
			}
			assert.Equal(t, tt.want, got)
		})
	}
}
