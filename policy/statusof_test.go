package policy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-go/holdfast/policy/status"
)

func TestStatusOf(t *testing.T) {
	full := status.Status{
		Code: status.MeetingEnded, Layer: status.LayerMedia, Wire: 4410, Shared: true, Cause: io.EOF,
	}
	permanent := full
	permanent.Permanent = true
	wrap := func(err error) error { return fmt.Errorf("join: %w", err) }
	refused := errors.New("connection refused")
	canceled := fmt.Errorf("dial: %w", context.Canceled)

	tests := []struct {
		name string
		err  error
		want status.Status
	}{
		{"nil", nil, status.Status{}},
		{"no code", refused, status.New(status.TaskFailed, refused)},
		{"cancelled", canceled, status.New(status.TaskFailed, canceled)},
		{"too late", context.DeadlineExceeded, status.New(status.TaskFailed, context.DeadlineExceeded)},
		{"bare code", status.MeetingEnded, status.Status{Code: status.MeetingEnded}},
		{"unknown code", status.Code(99), status.Status{Code: 99}},
		{"wrapped code", wrap(status.MeetingEnded), status.New(status.MeetingEnded, wrap(status.MeetingEnded))},
		{"bare status", full, full},
		{"bare permanent status", permanent, permanent},
		{"wrapped status", wrap(full), status.Status{
			Code: status.MeetingEnded, Layer: status.LayerMedia, Wire: 4410, Shared: true, Cause: wrap(full),
		}},
		{"joined, a status before a code", errors.Join(status.TaskFailed, full), status.Status{
			Code: status.MeetingEnded, Layer: status.LayerMedia, Wire: 4410, Shared: true, Cause: errors.Join(status.TaskFailed, full),
		}},
		{"permanent without a code", backoff.Permanent(refused), status.Status{
			Code: status.TaskFailed, Permanent: true, Cause: refused,
		}},
		{"permanent code", backoff.Permanent(status.TaskFailed), status.Status{Code: status.TaskFailed, Permanent: true}},
		{"permanent status", backoff.Permanent(full), permanent},
		{"permanent inside", wrap(backoff.Permanent(refused)), status.Status{
			Code: status.TaskFailed, Permanent: true, Cause: wrap(backoff.Permanent(refused)),
		}},
		{"permanent as the cause of a status", status.New(status.TaskFailed, backoff.Permanent(refused)), status.Status{
			Code: status.TaskFailed, Permanent: true, Cause: backoff.Permanent(refused),
		}},
		{"permanent without an error", &backoff.PermanentError{}, status.Status{Code: status.TaskFailed, Permanent: true}},
		{"OK is no reason", status.OK, status.New(status.TaskFailed, status.OK)},
		{"wrapped OK", wrap(status.OK), status.New(status.TaskFailed, wrap(status.OK))},
		{"status with OK", status.Status{Wire: 206}, status.Status{Code: status.TaskFailed, Wire: 206, Cause: status.Status{Wire: 206}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, StatusOf(tt.err))
		})
	}
}

// errorTree builds an error from bytes, each of which adds a leaf or wraps what
// is there. It also returns the errors that went into it.
func errorTree(shape []byte) (err error, parts []error) {
	for i, b := range shape {
		var part error
		switch b % 8 {
		case 0:
			part = fmt.Errorf("step %d", i)
		case 1:
			part = status.Code(int(b)/8 - 2)
		case 2:
			part = status.Status{Code: status.Code(int(b)/8 - 2), Wire: i, Permanent: b > 200, Cause: err}
			err = nil
		case 3:
			err = fmt.Errorf("wrapped: %w", orEOF(err))
		case 4:
			err = backoff.Permanent(orEOF(err))
		case 5:
			part = context.Canceled
		case 6:
			part = status.New(status.Code(int(b)/8-2), backoff.Permanent(io.EOF))
		case 7:
			err = errors.Join(orEOF(err), io.ErrUnexpectedEOF)
		}
		if part != nil {
			err = joinOr(err, part)
			parts = append(parts, part)
		}
	}
	return err, parts
}

func orEOF(err error) error {
	if err == nil {
		return io.EOF
	}
	return err
}

func joinOr(err, part error) error {
	if err == nil {
		return part
	}
	return errors.Join(err, part)
}

func FuzzStatusOf(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 3, 4})
	f.Add([]byte{8*7 + 1, 3})
	f.Add([]byte{8*3 + 2, 4, 7})
	f.Add([]byte{17, 250, 5, 3, 30})
	f.Fuzz(func(t *testing.T, shape []byte) {
		if len(shape) > 64 {
			return
		}
		err, parts := errorTree(shape)
		st := StatusOf(err)
		if err == nil {
			require.True(t, st.IsZero())
			return
		}
		require.NotEqual(t, status.OK, st.Code)
		carried, found := status.CodeOf(err)
		if found && carried != status.OK {
			require.Equal(t, carried, st.Code)
		} else {
			require.Equal(t, status.TaskFailed, st.Code)
		}
		var p *backoff.PermanentError
		var inner status.Status
		said := errors.As(err, &p) || errors.As(err, &inner) && inner.Permanent
		require.Equal(t, said, st.Permanent)
		require.NotEmpty(t, st.Error())
		for _, part := range parts {
			var code status.Code
			if errors.As(part, &code) {
				require.ErrorIs(t, st, code, "nothing that err carries is lost")
			}
		}
		require.Equal(t, errors.Is(err, context.Canceled), errors.Is(st, context.Canceled))
		require.Equal(t, errors.Is(err, io.EOF), errors.Is(st, io.EOF))
	})
}

// TestStatusOfPointer: a pointer to a status means what the status means.
func TestStatusOfPointer(t *testing.T) {
	st := &status.Status{Code: status.TaskFailed, Permanent: true}
	assert.True(t, StatusOf(st).Permanent)
	assert.Equal(t, status.MeetingEnded, StatusOf(fmt.Errorf("join: %w", &status.Status{Code: status.MeetingEnded})).Code)
}
