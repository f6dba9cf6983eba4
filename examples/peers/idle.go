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
	empty, before := goroutines(), memory()
	clients, err := gather(dial, []string{addr}, s.many(c), noHooks)
	if err != nil {
		return reading{}, err
	}
	time.Sleep(min(settle, s.Rest)) // what connecting has left behind goes
	share, known := busy(s.Window)
	n := float64(len(clients))
	r := perClient((goroutines()-empty)/n, (memory()-before)/n)
	r.Values["clients"] = n
	if known {
		r.processor(share / n)
	}
	runtime.KeepAlive(clients)
	return r, nil
}

func perClient(goroutines, bytes float64) reading {
	return reading{
		Text:   fmt.Sprintf("%.1f, %.1f KiB", goroutines, bytes/1024),
		Values: map[string]float64{"goroutines": goroutines, "KiB": bytes / 1024},
	}
}

// processor adds a share of the processor to a reading.
func (r *reading) processor(share float64) {
	r.Text += fmt.Sprintf(", %.0f µs/s", share*1e6)
	r.Values["processorMicrosPerSecond"] = share * 1e6
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

// looking is how long goroutines are counted, which come and go.
const looking = time.Second / 2

// goroutines gives how many there are on average.
func goroutines() float64 {
	began, all, looks := time.Now(), 0, 0
	for time.Since(began) < looking {
		all += runtime.NumGoroutine()
		looks++
		time.Sleep(5 * time.Millisecond)
	}
	return float64(all) / float64(looks)
}

// busy gives the share of one processor that this process uses while it only waits,
// false if the system does not tell.
func busy(window time.Duration) (share float64, known bool) {
	began := time.Now()
	before, known := processorTime()
	time.Sleep(window)
	after, _ := processorTime()
	return (after - before).Seconds() / time.Since(began).Seconds(), known
}
