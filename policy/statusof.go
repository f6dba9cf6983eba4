package policy

import (
	"errors"
	"syscall"

	"github.com/cenkalti/backoff/v4"

	"github.com/holdfast-go/holdfast/policy/status"
)

// StatusOf says what the error of a transport means: the status.Status inside it,
// else the status.Code inside it, else TaskFailed. So a cancelled or expired
// context is TaskFailed, and so is an error that carries OK, which is no reason to
// fail. A backoff.PermanentError anywhere inside makes the status permanent, and
// a refused connection (syscall.ECONNREFUSED) shared: where nobody listens, the
// server is down for everybody.
//
// An error that says more than the code becomes the Cause, whole, so that
// errors.Is and errors.As find in the status what they find in err. nil gives the
// zero Status. Any goroutine may call it.
func StatusOf(err error) status.Status {
	if err == nil {
		return status.Status{}
	}
	var permanent *backoff.PermanentError
	isPermanent := errors.As(err, &permanent)
	if outermost, ok := err.(*backoff.PermanentError); ok { //nolint:errorlint // only the outermost wrapper
		err = outermost.Err // the wrapper adds nothing to what Permanent says
	}
	st := carried(err)
	st.Permanent = st.Permanent || isPermanent
	st.Shared = st.Shared || errors.Is(err, syscall.ECONNREFUSED)
	return st
}

// carried finds the status or the code inside err, which may be nil.
func carried(err error) status.Status {
	st, found := status.From(err)
	if !found {
		errors.As(err, &st.Code)
	}
	if st.Code == status.OK {
		st.Code, st.Cause = status.TaskFailed, err
	} else if !bare(err) {
		st.Cause = err
	}
	return st
}

// bare reports whether err is a status or a code with nothing around it.
func bare(err error) bool {
	switch err.(type) { //nolint:errorlint // nothing around it is the question
	case status.Status, *status.Status, status.Code:
		return true
	}
	return false
}
