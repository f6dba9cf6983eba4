package linktrial

import (
	"math/rand/v2"
	"sort"
	"time"
)

// span is a stretch of time, without its end.
type span struct{ from, until time.Duration }

func (s span) length() time.Duration { return s.until - s.from }

// spans are in order and do not overlap.
type spans []span

// at finds the span that t lies in.
func (s spans) at(t time.Duration) (span, bool) {
	if len(s) == 0 {
		return span{}, false
	}
	i := sort.Search(len(s), func(i int) bool { return s[i].until > t })
	if i == len(s) || s[i].from > t {
		return span{}, false
	}
	return s[i], true
}

func (s spans) cover(t time.Duration) bool {
	_, ok := s.at(t)
	return ok
}

// scatter makes spans of the given lengths, about every so often, up to the end.
// The first minute and a half are left alone now and then, as in life.
func scatter(r *rand.Rand, end, every time.Duration, length func() time.Duration) (s spans) {
	for t := exponential(r, every) + time.Second; t < end; {
		until := t + length()
		s = append(s, span{t, until})
		t = until + time.Second + exponential(r, every)
	}
	return s
}

// merge puts two lists together; what overlaps, or is no further apart than that,
// becomes one.
func merge(a, b spans, apart time.Duration) (all spans) {
	all = append(append(all, a...), b...)
	sort.Slice(all, func(i, j int) bool { return all[i].from < all[j].from })
	out := all[:0]
	for _, s := range all {
		if n := len(out); n > 0 && s.from <= out[n-1].until+apart {
			out[n-1].until = max(out[n-1].until, s.until)
			continue
		}
		out = append(out, s)
	}
	return out
}

func exponential(r *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(r.ExpFloat64() * float64(mean))
}

// between draws a duration evenly.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Float64()*float64(most-least))
}
