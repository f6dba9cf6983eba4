package main

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// anyPort lets the machine choose one.
const anyPort = "127.0.0.1:0"

// joinTime is how long clients may take to connect to a server that is there.
const joinTime = 30 * time.Second

// eventually waits until cond holds, at most for limit, and says how long that took.
func eventually(limit time.Duration, cond func() bool) (took time.Duration, ok bool) {
	began := time.Now()
	for !cond() {
		if time.Since(began) > limit {
			return time.Since(began), false
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(began), true
}

// oneServer starts a process with one server in it.
func oneServer(c contestant) (p *serverProcess, addr string, err error) {
	if p, err = startServers(c); err != nil {
		return nil, "", err
	}
	if addr, _, err = p.open(anyPort); err != nil {
		return nil, "", errors.Join(err, p.kill())
	}
	return p, addr, nil
}

type dialFunc = func(target, hooks) (client, error)

// atOnce is how many clients connect at the same time: a crowd is no storm.
const atOnce = 8

// gather connects n clients, spread over the addresses, and returns when all are
// connected.
func gather(dial dialFunc, addrs []string, n int, h func(i int) hooks) ([]client, error) {
	clients, errs := make([]client, n), make([]error, n)
	places := make(chan struct{}, atOnce)
	var joining sync.WaitGroup
	for i := range n {
		places <- struct{}{}
		joining.Go(func() {
			defer func() { <-places }()
			clients[i], errs[i] = join(dial, target{addr: addrs[i%len(addrs)]}, h(i))
		})
	}
	joining.Wait()
	return clients, errors.Join(errs...)
}

// join connects one client.
func join(dial dialFunc, t target, h hooks) (client, error) {
	c, err := dial(t, h)
	if err != nil {
		return nil, err
	}
	if took, ok := eventually(joinTime, c.Connected); !ok {
		return nil, fmt.Errorf("not connected to a server that is there within %s", seconds(took))
	}
	return c, nil
}

func noHooks(int) hooks { return hooks{} }
