package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// roleEnv makes this program a part of a race: "serve NAME" a server process of
// that contestant, "measure JSON" the measurement of a task. It is how the program
// starts itself again.
const roleEnv = "HOLDFAST_PEERS_ROLE"

// play plays the role that this process was given, and says whether there is one.
func play(role string) (played bool, err error) {
	if role == "" {
		return false, nil
	}
	part, detail, _ := strings.Cut(role, " ")
	switch part {
	case "serve":
		c, err := find(detail)
		if err != nil {
			return true, err
		}
		return true, serve(c, os.Stdin, os.Stdout)
	case "measure":
		return true, measure(detail, os.Stdin, os.Stdout)
	}
	return true, fmt.Errorf("%s is %q: there is no such role", roleEnv, role)
}

// measure runs a task and writes its readings as JSON. The process ends when
// standard input does, so that it does not outlive the race.
func measure(detail string, in io.Reader, out io.Writer) error {
	go func() {
		_, _ = io.Copy(io.Discard, in)
		os.Exit(3)
	}()
	var t task
	if err := json.Unmarshal([]byte(detail), &t); err != nil {
		return err
	}
	r, err := t.run()
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// self is this program in a role.
func self(ctx context.Context, role string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	return cmd, nil
}

// errNotInTime is the end of a measuring process that hangs.
var errNotInTime = errors.New("not measured in time; the process was killed")

// deathError is the end of a measuring process that has failed or crashed.
type deathError struct {
	err    error
	stderr string
}

func (e *deathError) Error() string {
	last := strings.TrimSpace(e.stderr)
	if i := strings.IndexByte(last, '\n'); i >= 0 {
		last = last[:i]
	}
	return strings.TrimSpace(fmt.Sprintf("the measuring process has failed: %v: %s", e.err, last))
}

func (e *deathError) Unwrap() error { return e.err }

// apart measures a task in a process of its own and waits no longer than limit.
func apart(ctx context.Context, t task, limit time.Duration) (r reading, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errNotInTime)
	defer cancel()
	detail, err := json.Marshal(t)
	if err != nil {
		return r, err
	}
	cmd, err := self(ctx, "measure "+string(detail))
	if err != nil {
		return r, err
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second // its server process may hold the pipes a moment longer
	hold, err := cmd.StdinPipe()
	if err != nil {
		return r, err
	}
	defer hold.Close()
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		return r, &deathError{err, stderr.String()}
	}
	return r, json.Unmarshal(stdout.Bytes(), &r)
}

// serverProcess is a process of servers, for the one that measures.
type serverProcess struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

func startServers(c contestant) (*serverProcess, error) {
	cmd, err := self(context.Background(), "serve "+c.name)
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &serverProcess{cmd, in, bufio.NewScanner(out)}, nil
}

// open serves at addr and gives the address, and since when.
func (p *serverProcess) open(addr string) (at string, since time.Time, err error) {
	answer, err := p.ask(openCommand + " " + addr)
	if err != nil {
		return "", time.Time{}, err
	}
	var nanos int64
	_, err = fmt.Sscanf(answer, openAnswer+" %s %d", &at, &nanos)
	return at, time.Unix(0, nanos), err
}

// close ends all servers in the orderly way.
func (p *serverProcess) close() error {
	_, err := p.ask(closeCommand)
	return err
}

// kill ends the process and its servers without a word.
func (p *serverProcess) kill() error {
	err := p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it reports the kill
	return err
}

func (p *serverProcess) ask(command string) (answer string, err error) {
	if _, err := fmt.Fprintln(p.in, command); err != nil {
		return "", err
	}
	if !p.lines.Scan() {
		return "", fmt.Errorf("the server process has ended instead of an answer to %q", command)
	}
	if reason, failed := strings.CutPrefix(p.lines.Text(), errorAnswer+" "); failed {
		return "", errors.New(reason)
	}
	return p.lines.Text(), nil
}
