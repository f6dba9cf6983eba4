package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/policy/status"
	"github.com/holdfast-go/holdfast/session"
)

// dialer is the transport: it opens one link each time it is asked to.
type dialer struct{ addr string }

func (d dialer) Connect(ctx context.Context, _ session.Attempt, r *session.Reporter) (session.Link, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", d.addr)
	if err != nil {
		return nil, err // retried, unless it carries a terminal status
	}
	l := link{conn, make(chan struct{})}
	go func() { // tell the session what happens on the link
		defer close(l.silent)
		buf := make([]byte, 1500)
		for {
			if _, err := conn.Read(buf); err != nil {
				r.Closed(status.LayerSignaling, err)
				return
			}
			r.Alive(status.LayerSignaling)
		}
	}()
	return l, nil
}

type link struct {
	net.Conn
	silent chan struct{} // closed when nothing is told any more
}

func (l link) Close(context.Context) error {
	defer func() { <-l.silent }()
	return l.Conn.Close()
}

// A complete embedding: a transport, a session, an observer.
func Example() {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	s, err := session.New(session.Config{
		Transport: dialer{server.Addr().String()},
		Observers: []observer.Observer{observer.Funcs{
			Connected: func(observer.Connected) { fmt.Println("connected") },
			Stopped:   func(e observer.Stopped) { fmt.Println("stopped by the", e.Initiator) },
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := s.Start(context.Background()); err != nil {
		fmt.Println(err)
	}
	s.Close() // Stop, and wait for the end
	fmt.Println(errors.Is(s.Err(), status.Left))
	// Output:
	// connected
	// stopped by the application
	// true
}
