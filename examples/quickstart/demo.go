package main

import (
	"log"
	"net"
	"os"
	"time"
)

// The demo server hangs up after holds; the program ends after lasts.
const (
	holds = time.Second
	lasts = 5 * time.Second
)

// init gives the program a server of its own if it was not told of one, and
// presses Ctrl-C in the end.
func init() {
	if len(os.Args) > 1 {
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go serve(l)
	os.Args = append(os.Args, l.Addr().String())
	log.Printf("no address given: the server here hangs up every %s, and the demo ends after %s", holds, lasts)
	time.AfterFunc(lasts, func() {
		self, _ := os.FindProcess(os.Getpid()) // never fails on Unix
		_ = self.Signal(os.Interrupt)
	})
}

// serve accepts and hangs up.
func serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		time.AfterFunc(holds, func() { _ = conn.Close() })
	}
}
