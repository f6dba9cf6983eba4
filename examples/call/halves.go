package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/holdfast-go/holdfast/examples/internal/callkit"
	"github.com/holdfast-go/holdfast/examples/internal/netwatch"
	"github.com/holdfast-go/holdfast/examples/internal/words"
	"github.com/holdfast-go/holdfast/observer"
	"github.com/holdfast-go/holdfast/session"
)

// listening begins the line that the server prints once it takes connections.
const listening = "listening on "

// serve is the server half, until ctx ends.
func serve(ctx context.Context, out io.Writer, addr string) error {
	server := callkit.NewServer(callkit.ServerOptions{Check: known})
	if err := server.Listen(addr); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s%s\n", listening, server.URL())
	<-ctx.Done()
	return server.Close()
}

// connect is the client half, with default settings and hints about the network of
// this machine, until ctx ends or the session stops. A line a few seconds says how the media does.
func connect(ctx context.Context, t *timeline, url string) error {
	cfg := session.Config{
		Name:      attendee,
		Transport: caller{callkit.Options{URL: url, Attendee: attendee, Token: token}},
		Observers: []observer.Observer{t},
	}
	if t.record != nil {
		cfg.Recorder = recorder(t.record, token)
	}
	s, err := session.New(cfg)
	if err != nil {
		return err
	}
	t.title("joining %s; end with Ctrl-C", url)
	go meter(t, s)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go netwatch.Watcher{}.Watch(watching, s.Hint)
	return s.Run(ctx)
}

// meterEvery is how often the client half says how the media does.
const meterEvery = 5 * time.Second

func meter(t *timeline, s *session.Session) {
	tick := time.NewTicker(meterEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.Done():
			return
		case <-tick.C:
			snap := s.Snapshot()
			if l, ok := s.Link(); ok {
				t.say("media", "%d packets received over this link, signaling round trip %s, %s since the last traffic",
					l.(link).Received(), snap.RTT.Round(time.Microsecond*100), words.Count(snap.SilentSamples, "sample"))
			}
		}
	}
}
