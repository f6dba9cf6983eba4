package chaos

import "time"

// arrival is something that is on its way.
type arrival struct {
	at    time.Duration
	what  arriving
	index int // of the step, or of the call
	epoch uint64
	id    uint64
}

type arriving uint8

const (
	aStep arriving = iota
	aCall
	aPong
	aProbe
	aSample
	aPresent
	aFlap
	anEcho
	aReturn
	aEnd
	aBound
	aStop
)

// queue holds what is on its way, the latest first. Of what comes at the same time
// the first that was put in comes first.
type queue []arrival

func (q *queue) put(a arrival) {
	*q = append(*q, a)
	list := *q
	i := len(list) - 1
	for i > 0 && list[i-1].at <= a.at {
		list[i] = list[i-1]
		i--
	}
	list[i] = a
}

func (q queue) peek() (time.Duration, bool) {
	if len(q) == 0 {
		return 0, false
	}
	return q[len(q)-1].at, true
}

func (q *queue) take() arrival {
	last := len(*q) - 1
	a := (*q)[last]
	*q = (*q)[:last]
	return a
}
