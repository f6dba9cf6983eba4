package callkit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/webrtc/v4"
)

const (
	// callPath is where the server takes WebSockets.
	callPath = "/call"
	// patience is how long the server waits for a client's close frame, and for a
	// message to be taken.
	patience = 500 * time.Millisecond
)

// ServerOptions configures a Server. The zero value is ready to use.
type ServerOptions struct {
	// Capacity limits how many attendees may be in the meeting; 0 or less: no limit.
	Capacity int
	// Check says whether a token belongs to the attendee; nil lets everyone in. It
	// is called from several goroutines.
	Check func(attendee string, t Token) bool
	// Media changes the setting engine of every attendee's peer connection; nil
	// changes nothing. See [Loopback] for what is set before.
	Media func(*webrtc.SettingEngine)
	// PacketEvery is the time between two audio packets; 0 or less: 20 ms.
	PacketEvery time.Duration
	// ResumeGrace is how long an attendee whose signaling is lost stays in the meeting
	// with media running, and may resume; 0: 30 s, negative: not at all.
	ResumeGrace time.Duration
}

// ErrServerClosed is what Serve and Listen return after Close.
var ErrServerClosed = errors.New("callkit: server closed")

// Server is one meeting: signaling, a peer connection for each attendee, and
// the switches that break them. All methods may be called from any goroutine.
type Server struct {
	o    ServerOptions
	http *http.Server
	// ctx ends with Close; every goroutine of the server ends soon after.
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	addr   net.Addr // of the first listener
	closed bool
	visits map[*visit]bool         // every WebSocket, joined or not
	roster map[string]*participant // by attendee, at most one each
	// epitaphs are what was said last to attendees who were removed.
	epitaphs map[string]epitaph
	sw       switches
	// accepts says which tokens are valid whatever Check says, or invalid.
	accepts   map[Token]bool
	presented map[Token]int   // how often so far
	hang      map[Phase]bool  // the server goes no further than this
	held      map[Phase]int   // clients that had to wait so far
	silent    map[string]bool // attendees who get no audio
	// running counts what Close waits for. It grows under mu and only while
	// closed is false.
	running sync.WaitGroup
}

// NewServer makes a server that does not listen yet.
func NewServer(o ServerOptions) *Server {
	o.ResumeGrace = cmp.Or(o.ResumeGrace, defaultGrace)
	s := &Server{
		o: o, visits: map[*visit]bool{}, roster: map[string]*participant{}, epitaphs: map[string]epitaph{},
		accepts: map[Token]bool{}, presented: map[Token]int{},
		hang: map[Phase]bool{}, held: map[Phase]int{}, silent: map[string]bool{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+callPath, s.serveCall)
	s.http = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, rawConn{}, c) },
	}
	return s
}

// rawConn is the context key of the connection below a request.
type rawConn struct{}

// Listen starts to serve on a TCP address of the loopback interface, such as
// "127.0.0.1:0", and returns. Other addresses are refused: the server trusts
// whoever reaches it.
func (s *Server) Listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		_ = l.Close()
		return fmt.Errorf("callkit: %s is not a loopback address", addr)
	}
	if !s.start(func() { _ = s.Serve(l) }) {
		_ = l.Close()
		return ErrServerClosed
	}
	s.listening(l)
	return nil
}

// Serve serves connections from l, which may be in memory, until Close. It
// closes l and never returns nil.
func (s *Server) Serve(l net.Listener) error {
	s.listening(l)
	err := s.http.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return ErrServerClosed
	}
	return err
}

func (s *Server) listening(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addr == nil {
		s.addr = l.Addr()
	}
}

// Addr is the address of the first listener, nil before there is one.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// URL is what a client dials. Call it after Listen.
func (s *Server) URL() string { return URL(s.Addr().String()) }

// URL is what a client dials to reach the server through address, which may be
// that of a proxy.
func URL(address string) string { return "ws://" + address + callPath }

// Close tells every client that the server goes away (close code 1001), ends
// what runs and returns when no goroutine of the server is left. Every call of
// it waits.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	visits := slices.Collect(maps.Keys(s.visits))
	s.mu.Unlock()
	var ending sync.WaitGroup
	for _, v := range visits {
		ending.Go(func() { v.sig.close(websocket.StatusGoingAway, Wish{}) })
	}
	ending.Wait()
	s.cancel()
	err := s.http.Close()
	s.running.Wait()
	return err
}

// start runs f in a goroutine that Close waits for, unless the server is closed.
func (s *Server) start(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Go(f)
	return true
}

// serveCall is the life of one WebSocket.
func (s *Server) serveCall(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		http.Error(w, "server closed", http.StatusServiceUnavailable)
		return
	}
	defer s.running.Done()
	if s.hangs(PhaseOpen) {
		s.park(r)
		return
	}
	if s.shutsOut(w) {
		return
	}
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered the request
	}
	raw := r.Context().Value(rawConn{}).(net.Conn)
	v := newVisit(s, &channel{ws: ws, raw: raw})
	if s.enter(v) {
		v.serve()
	}
	s.exit(v)
}

// begin makes Close wait for the calling goroutine until it says running.Done.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

// park answers nothing until the client or the server goes.
func (s *Server) park(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
}

// enter takes note of a visit, so that Close ends it.
func (s *Server) enter(v *visit) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.visits[v] = true
	return true
}

// exit forgets a visit and returns when its participant has come back or ended.
func (s *Server) exit(v *visit) {
	v.end()
	s.mu.Lock()
	delete(s.visits, v)
	s.mu.Unlock()
	if v.p != nil {
		v.p.detach(v)
	}
}
