package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
)

// blackHole measures how long a client takes to notice that its network takes
// everything and brings nothing, with the settings that it comes with.
var blackHole = discipline{
	name: "black-hole", title: always("silent network"), cell: "silent network: until the client notices: median, worst",
	limit: func(s settings) time.Duration { return s.Rest + s.Spread + s.BlackHole + slack + joinTime },
	run:   fallIn,
}

// holes is how many clients lose their network. That is at different times, since
// what is asked at long intervals is noticed sooner or later by where in one of them
// the silence begins.
const holes = 6

func fallIn(c contestant, s settings) (reading, error) {
	p, addr, err := oneServer(c)
	if err != nil {
		return reading{}, err
	}
	defer func() { _ = p.kill() }()
	times, errs := make([]time.Duration, holes), make([]error, holes)
	var falling sync.WaitGroup
	for i := range holes {
		falling.Go(func() {
			wait := s.Rest + s.Spread*time.Duration(i)/(holes-1)
			times[i], errs[i] = fall(c, addr, wait, s.BlackHole)
		})
	}
	falling.Wait()
	return noticed(times, s.BlackHole), errors.Join(errs...)
}

// fall connects a client over a path of its own, breaks the path and gives the time
// until the client has noticed, 0 if it has not within limit.
func fall(c contestant, addr string, wait, limit time.Duration) (time.Duration, error) {
	path, err := callkit.ListenProxy(addr)
	if err != nil {
		return 0, err
	}
	defer func() { _ = path.Close() }()
	media, err := callkit.NewFaultNet(nil, nil)
	if err != nil {
		return 0, err
	}
	w := &watcher{}
	if _, err := join(c.dial, target{addr: path.Addr().String(), media: media}, hooks{lost: w.lost}); err != nil {
		return 0, err
	}
	time.Sleep(wait)
	if w.isGone() {
		return 0, errors.New("the connection was lost before its network was")
	}
	path.Freeze()
	media.BlackHole()
	if took, ok := eventually(limit, w.isGone); ok {
		return took, nil
	}
	return 0, nil
}

// noticed puts it into a cell.
func noticed(times []time.Duration, limit time.Duration) reading {
	seen := slices.DeleteFunc(slices.Clone(times), func(d time.Duration) bool { return d == 0 })
	r := reading{Values: map[string]float64{"clients": float64(len(times)), "noticed": float64(len(seen))}}
	if len(seen) == 0 {
		r.Text = "not within " + length(limit)
		return r
	}
	r.spread(seen)
	if unaware := len(times) - len(seen); unaware > 0 {
		r.Text += fmt.Sprintf(" (%d of %d not within %s)", unaware, len(times), length(limit))
	}
	return r
}
