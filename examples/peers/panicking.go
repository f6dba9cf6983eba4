package main

import (
	"strings"
	"time"
)

// panicking lets a callback panic. Each contestant has a process of its own to lose.
var panicking = discipline{
	name: "panic", title: always("panic in the callback of the connection"),
	cell:  "panic: what is left",
	limit: func(settings) time.Duration { return slack + joinTime },
	run:   survive,
	dead:  dies,
}

// thePanic is how the process is known to have died of this.
const thePanic = "the callback of the application panics"

// aftermath is how long a process is watched that has survived.
const aftermath = time.Second

// survive returns if the library takes the panic upon itself.
func survive(c contestant, _ settings) (reading, error) {
	p, addr, err := oneServer(c)
	if err != nil {
		return reading{}, err
	}
	defer func() { _ = p.kill() }()
	happened := make(chan struct{}, 1)
	made, err := c.dial(target{addr: addr}, hooks{connected: func(client) {
		happened <- struct{}{}
		panic(thePanic)
	}})
	if err != nil {
		return reading{}, err
	}
	select {
	case <-happened:
	case <-time.After(joinTime):
		return reading{}, errNoCallback
	}
	time.Sleep(aftermath)
	return survived(made.Connected()), nil
}

func survived(connected bool) reading {
	text := "process lives, client ended"
	if connected {
		text = "process lives, client connected"
	}
	return reading{Text: text, Values: map[string]float64{"survived": 1}}
}

// dies reads the death of a process.
func dies(e *deathError) (r reading, died bool) {
	died = strings.Contains(e.stderr, "panic: "+thePanic)
	return reading{Text: "process dies", Values: map[string]float64{"survived": 0}}, died
}
