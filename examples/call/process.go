package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// serveEnv makes this program the server alone, on the address that it holds.
// It is how the program starts itself a second time.
const serveEnv = "HOLDFAST_CALL_SERVE"

// downFor is how long a killed server stays down.
const downFor = time.Second

// process is the server in a process of its own, which can be killed.
type process struct {
	addr string
	mu   sync.Mutex
	cmd  *exec.Cmd // nil while it is down
}

// newProcessStage starts the server as a process.
func newProcessStage(t *timeline) (*stage, error) {
	p := &process{}
	if err := p.choose(); err != nil {
		return nil, err
	}
	if err := p.start(); err != nil {
		return nil, err
	}
	st, err := newStageFor(t, p.addr)
	if err != nil {
		return nil, errors.Join(err, p.kill())
	}
	st.process = p
	st.ended = append(st.ended, p.kill)
	return st, nil
}

// choose finds a free port, which the server keeps across its restart.
func (p *process) choose() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.addr = l.Addr().String()
	return l.Close()
}

// start runs this program as the server and waits until it listens.
func (p *process) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), serveEnv+"="+p.addr)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.mu.Lock()
	p.cmd = cmd
	p.mu.Unlock()
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), listening) {
		return fmt.Errorf("the server process did not start: %q", lines.Text())
	}
	return nil
}

// kill ends the process without letting it say goodbye.
func (p *process) kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	err := p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it reports the kill
	p.cmd = nil
	return err
}

// killServer kills the server and starts it again.
func killServer(ctx context.Context, st *stage) error {
	if err := st.process.kill(); err != nil {
		return err
	}
	if err := pause(ctx, downFor); err != nil {
		return err
	}
	st.say("fault", "the server's process is started again")
	return st.process.start()
}
