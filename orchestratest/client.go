package orchestratest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
)

// Client returns a client of the server's own organization with both of its credentials, then
// changed by opts. When opts are not accepted, every call of the client fails with the reason. The
// access token goes before an API key given in opts: KeyClient has a key alone.
func (s *Server) Client(opts ...promptorchestra.Option) *promptorchestra.Client {
	return s.newClient(opts, promptorchestra.WithAccessToken(s.AccessToken), promptorchestra.WithAPIKey(s.APIKey))
}

// KeyClient is Client with nothing but the API key, as most services have it. The routes for users,
// such as Agents.Run, take no API key: the SDK rejects those calls before sending.
func (s *Server) KeyClient(opts ...promptorchestra.Option) *promptorchestra.Client {
	return s.newClient(opts, promptorchestra.WithAPIKey(s.APIKey))
}

func (s *Server) newClient(opts []promptorchestra.Option, credentials ...promptorchestra.Option) *promptorchestra.Client {
	base := append([]promptorchestra.Option{
		promptorchestra.WithBaseURL(s.URL), promptorchestra.WithOrganization(s.OrganizationID),
	}, credentials...)
	if s.http == nil {
		base = append(base, promptorchestra.WithTransport(s.Transport()))
	}
	client, err := promptorchestra.New(append(base, opts...)...)
	if err != nil {
		// These options are always accepted.
		client, _ = promptorchestra.New(append(base,
			promptorchestra.WithTransport(roundTrip(func(*http.Request) (*http.Response, error) {
				return nil, fmt.Errorf("orchestratest: the client's options are wrong: %w", err)
			})),
			promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: -1}))...)
	}
	return client
}

// roundTrip is a transport without a server.
type roundTrip func(*http.Request) (*http.Response, error)

func (r roundTrip) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

// Error returns the very error that a call returns when the API responds with a status and a body,
// after one attempt. It is what a fake of the SDK returns in a test, and needs no server. The call
// is named as in "Agents.Publish"; the ids in its error are made up. The Content-Type is guessed
// from the body, as by Status.
//
// It is never nil: an unknown op, a status that ends no request, and a response that the call takes
// for a success are errors that say so, of no type of the SDK.
func Error(op string, status int, body string) error {
	err := checkStatus(status)
	if op == anyRoute || !isRoute(op) {
		err = errNoRoute
	}
	if err != nil {
		return fmt.Errorf("orchestratest: Error(%q): %w", op, err)
	}
	client, err := promptorchestra.New(
		promptorchestra.WithBaseURL("http://127.0.0.1"), promptorchestra.WithOrganization("org_test"),
		promptorchestra.WithAccessToken("access_token"), promptorchestra.WithAPIKey("sk_key"),
		promptorchestra.WithTransport(roundTrip(func(request *http.Request) (*http.Response, error) {
			return Status(status, body).reply.received(request), nil
		})),
		promptorchestra.WithRetry(promptorchestra.RetryPolicy{MaxRetries: -1}),
	)
	if err != nil {
		return fmt.Errorf("orchestratest: Error(%q): %w", op, err)
	}
	err = callByName(client, op, "")
	var incomplete *promptorchestra.ArgumentError
	if errors.As(err, &incomplete) {
		err = callByName(client, op, "id")
	}
	if err == nil {
		return fmt.Errorf("orchestratest: Error(%q): status %d with this body is no failure", op, status)
	}
	return err
}

// callByName calls a method of a client's service by its name, "Agents.Publish", with made-up ids
// and params whose texts are all the same: some calls need some.
func callByName(client *promptorchestra.Client, op, text string) error {
	service, name, _ := strings.Cut(op, ".")
	method := reflect.ValueOf(client).Elem().FieldByName(service)
	if method.IsValid() {
		method = method.MethodByName(name)
	}
	if !method.IsValid() {
		return fmt.Errorf("orchestratest: Error(%q): the SDK has no such method", op)
	}
	arguments := []reflect.Value{reflect.ValueOf(context.Background())}
	for i := 1; i < method.Type().NumIn()-1; i++ { // the last are options
		argument := reflect.New(method.Type().In(i)).Elem()
		switch argument.Kind() {
		case reflect.String:
			argument.SetString("id")
		case reflect.Struct:
			for j := range argument.NumField() {
				if field := argument.Field(j); field.Kind() == reflect.String && field.CanSet() {
					field.SetString(text)
				}
			}
		}
		arguments = append(arguments, argument)
	}
	results := method.Call(arguments)
	err, _ := results[len(results)-1].Interface().(error)
	return err
}
