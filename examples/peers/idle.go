package main

import (
	"fmt"
	"math"
	"runtime"
	"time"
)

// idling is what a connected client costs to which nothing happens. The media stack
// is weighed apart, as the same call with nobody that holds it.
var idling = []discipline{
	{name: "idle", title: always("idle client"), cell: idleCell, limit: idleLimit, run: idle},
	{
		name: "idle-bare", title: always("idle call without a session"), cell: idleCell, limit: idleLimit, run: idleBare,
		open: func(c contestant) bool { return c.bare != nil },
	},
}

const idleCell = "idle: goroutines, heap and stacks, processor time a second; per client, in a process without the server"

func idleLimit(s settings) time.Duration { return s.Window + slack + joinTime }

func idle(c contestant, s settings) (reading, error)     { return weigh(c, c.dial, s) }
func idleBare(c contestant, s settings) (reading, error) { return weigh(c, c.bare, s) }

// weigh measures clients while they are connected. The server is in a process of
// its own.
func weigh(c contestant, dial dialFunc, s settings) (reading, error) {
	p, addr, err := oneServer(c)
	if err != nil {
		return reading{}, err
	}
	defer func() { _ = p.kill() }()
	if err := warmUp(dial, addr); err != nil {
		return reading{}, err
	}
	empty, before := watch(s.Window/4), memory()
	clients, err := gather(dial, []string{addr}, s.many(c), noHooks)
	if err != nil {
		return reading{}, err
	}
	time.Sleep(min(settle, s.Rest)) // what connecting has left behind goes
	now, after := watch(s.Window), memory()
	runtime.KeepAlive(clients)
	return perClient(now, empty, after-before, float64(len(clients))), nil
}

// perClient shares out what all clients need together.
func perClient(now, empty watched, bytes, n float64) reading {
	goroutines, kib := (now.goroutines-empty.goroutines)/n, bytes/n/1024
	r := reading{
		Text:   fmt.Sprintf("%.1f, %.1f KiB", goroutines, kib),
		Values: map[string]float64{"goroutines": goroutines, "KiB": kib, "clients": n},
	}
	if now.known {
		micros := max(now.processor-empty.processor, 0) / n * 1e6
		r.Text += fmt.Sprintf(", %.0f µs/s", micros)
		r.Values["processorMicrosPerSecond"] = micros
	}
	return r
}

// settle is how long after it what a client leaves behind on purpose may be there,
// such as timers that are not taken back.
const settle = 6 * time.Second

// warmUp lets a client come and go, so that what a library makes once is not counted
// as a client's.
func warmUp(dial dialFunc, addr string) error {
	before := runtime.NumGoroutine()
	c, err := join(dial, target{addr: addr}, hooks{})
	if err != nil {
		return err
	}
	c.Close()
	eventually(settle, func() bool { return runtime.NumGoroutine() <= before })
	return nil
}

// memory is the least heap and stack in use of several looks, each after garbage has
// gone: pools need two collections to be empty.
func memory() float64 {
	least := uint64(math.MaxUint64)
	for range 5 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		least = min(least, m.HeapAlloc+m.StackInuse)
		time.Sleep(20 * time.Millisecond)
	}
	return float64(least)
}

// watched is what was seen of a process for a while.
type watched struct {
	goroutines float64 // on average
	processor  float64 // seconds of it a second
	known      bool    // that there is a figure for the processor
}

// watch looks at the process often, as goroutines come and go.
func watch(window time.Duration) (w watched) {
	busy, known := processorTime()
	began, looks := time.Now(), 0
	for time.Since(began) < window {
		w.goroutines += float64(runtime.NumGoroutine())
		looks++
		time.Sleep(10 * time.Millisecond)
	}
	now, _ := processorTime()
	w.goroutines /= float64(looks)
	w.processor, w.known = (now-busy).Seconds()/time.Since(began).Seconds(), known
	return w
}
