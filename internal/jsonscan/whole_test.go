package jsonscan_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

func TestJudge(t *testing.T) {
	for member, want := range map[string]string{
		`"next":"x"`: `the member "next"`, `"next":"` + strings.Repeat("eyJpZCI6", 20) + `"`: `the member "next"`, `"nextResetAt":"x"`: "", `"hasMore":false`: "", `"more":true`: `the member "more"`,
		`"a":{"b":{"c":{"next":1}}}`: `the member "next"`, `"a":{"b":{"c":{"d":{"next":1}}}}`: "", `"total":"3"`: `the member "total"`, `"total":2`: "",
		`"completedCount":3`: "", `"counts":{"done":3}`: "", `"totalFinished":3`: "", `"next":{"a":{"b":null}}`: "", `"more":{"x":[1]}`: "", `"more":"a:1"`: "", `"nextPage":"false"`: "",
		`"nextSyncToken":"x"`: "", `"pagination_page":1`: "", `"last":0`: "", `"isLast":null`: "", `"nextScheduledRun":"x"`: "",
		`"next":"x","hasMore":false`: "", `"next_page":"x","end_of_stream":true`: "", `"isLast":true,"next":"x"`: "", `"next":"x","hasMore":"N"`: "", `"next":"x","pageInfo":{"hasNextPage":false}`: "", `"next":"x","view":{"more":false,"last":true}`: `the member "next"`, `"next":"x","incomplete":false`: `the member "next"`, `"next":"x","hasMoreCredits":false`: `the member "next"`, `"next":"x","done":true`: `the member "next"`,
		`"next":"x","has_more":false,"total":3`: `the member "total"`, `"meta":{"page":{"after":"x"}}`: `the member "after"`, `"meta":{"after":7}`: "", `"paging":{"cursors":{"after":"x"}}`: "", `"pagesTotal":1,"total":0`: "", `"isLast":"N"`: `the member "isLast"`, `"nextRange":"x"`: `the member "nextRange"`,
		`"paginated":false`: "", `"next":{"href":"x","templated":false}`: `the member "next"`,
	} {
		var judge jsonscan.Judge
		for name, value := range jsonscan.Members([]byte("{" + member + "}")) {
			judge.Member(name, value)
			assert.False(t, judge.Skips(name))
		}
		assert.Equal(t, want, judge.Says(nil, 2), member)
	}
}

func TestStrictJudge(t *testing.T) {
	for member, want := range map[string]string{
		`"a":null,"b":"","c":0,"d":false,"e":[],"f":{},"success":true,"count":2,"total_count":"2","org":"o"`: "",
		`"a":1`: `the member "a"`, `"success":1`: `the member "success"`, `"org":"p"`: `the member "org"`, `"count":3`: `the member "count"`,
		`"last":false`: `the member "last"`, `"incompleteResults":false`: "", `"known":7,"KNOWN":8`: "",
	} {
		judge := jsonscan.Judge{Strict: true, Known: map[string]string{"org": "o", "success": "true"}, Ignore: []string{"known"}}
		for name, value := range jsonscan.Members([]byte("{" + member + "}")) {
			judge.Member(name, value)
		}
		assert.Equal(t, want, judge.Says(nil, 2), member)
	}
	judge := jsonscan.Judge{Strict: true}
	assert.Empty(t, judge.Says(map[string][]string{"X-Total-Count": {"2"}, "Server": {"next"}, "Link": {`</1>; rel=first`}}, 2))
	assert.Equal(t, "the header X-Total-Count", judge.Says(map[string][]string{"X-Total-Count": {"2", "3"}}, 2))
	assert.Equal(t, "the header Content-Range", judge.Says(map[string][]string{"Content-Range": {"runs 0-1/2"}}, 2))
	assert.Empty(t, judge.Says(map[string][]string{"X-Ratelimit-Used": {"0"}, "Content-Length": {"0"}}, 2))
	judge.Member([]byte("nextOffset"), []byte("2"))
	assert.Equal(t, `the member "nextOffset"`, judge.Says(nil, 2), "it is no total")
}

// Each of these names needs each of its words to say that there is more of a list.
func TestNamesThatSayMore(t *testing.T) {
	for _, member := range []string{
		`"total":3`, `"count":3`, `"found":3`, `"numFound":3`, `"number_of_hits":3`, `"nbHits":3`, `"remainingItems":1`, `"estimatedTotalHits":3`, `"totalSize":3`,
		`"total":{"value":3}`, `"page":{"of":3}`, `"totalItems":3`, `"totalElements":3`, `"totalResults":3`, `"recordsTotal":3`, `"total_rows":3`, `"total_entries":3`, `"totalDocs":3`,
		`"documentCount":3`, `"objectCount":3`, `"total_matches":3`, `"pagination":{"total":3}`, `"paging":{"total":3}`, `"meta":{"count":3}`, `"_metadata":{"count":3}`,
		`"listInfo":{"total":3}`, `"pager":{"total":3}`, `"searchInformation":{"totalResults":"3"}`, `"searchTotal":3`, `"summary":{"total_count":3}`, `"wp-total":"3"`, `"lastPageNumber":2`,
		`"page":{"last":2}`, `"totalPages":2`, `"itemsRemaining":1`, `"totalPage":2`, `"nbPages":2`, `"pages":2`, `"page_count":"2"`, `"last_page":2`, `"totalRuns":3`, `"run_count":3`,
		`"last":false`, `"is_last_page":false`, `"atEnd":"false"`, `"done":false`, `"completed":false`, `"final":false`, `"finished":"no"`, `"exhausted":false`, `"eof":false`,
		`"endReached":false`, `"end_of_stream":false`, `"noMore":false`, `"not_truncated":false`,
		`"next":"x"`, `"hasNext":true`, `"nextPage":2`, `"next_token":"x"`, `"nextCursor":"x"`, `"nextLink":"x"`, `"next_page_url":"x"`, `"next_page_uri":"x"`, `"nextHref":"x"`,
		`"nextOffset":20`, `"NextMarker":"x"`, `"nextStartKey":"x"`, `"next_index":1`, `"nextRecordsUrl":"x"`, `"next_results":"x"`, `"nextPageNumber":2`, `"nextPosition":"x"`, `"X-Next-Row-Number":"51"`, `"Next-Range":"x"`, `"pagesTotal":3`, `"next_from":"x"`, `"continuationId":"x"`, `"continue":"x"`, `"continuation":"x"`, `"ContinuationToken":"x"`,
		`"next_batch":"x"`, `"NextUploadIdMarker":"x"`, `"resumptionToken":"x"`, `"continueToken":"x"`, `"LastEvaluatedTableName":"x"`, `"is_end":0`, `"isLast":"0"`, `"runs_aggregate":{"aggregate":{"count":3}}`,
		`"skipToken":"x"`, `"moreUrl":"x"`, `"PaginationToken":"x"`, `"LastEvaluatedKey":{"id":{"S":"x"}}`, `"after":"x"`, `"offset":"x"`,
		`"more":true`, `"has_more":1`, `"moreAvailable":"yes"`, `"truncated":true`, `"incomplete_results":true`, `"partial":true`, `"isPartial":true`, `"partialResults":true`, `"anyMore":true`, `"has_additional":true`, `"hasMore":"Y"`,
	} {
		judge := jsonscan.Judge{List: []byte("runs")}
		for name, value := range jsonscan.Members([]byte("{" + member + "}")) {
			judge.Member(name, value)
		}
		assert.NotEmpty(t, judge.Says(nil, 2), member)
	}
}

// False under the name of something good leaves it open whether the list is whole.
func TestFalse(t *testing.T) {
	for name, open := range map[string]bool{
		"last": true, "isLast": true, "islast": true, "atEnd": true, "isDone": true, "complete": true, "final": true, "finish": true, "exhaustive": true, "eof": true, "first": true,
		"isAll": true, "allLoaded": true, "whole": true, "isFull": true, "ok": true, "exact": true, "consistent": true, "valid": true, "healthy": true, "ready": true, "fresh": true, "success": true,
		"accurate": true, "reliable": true, "stable": true, "upToDate": true,
		"capped": false, "timed_out": false, "aborted": false, "cancelled": false, "interrupted": false, "throttled": false, "expired": false, "sampled": false, "locked": false,
		"@odata.last": true, "hydra:last": true, "$done": true, "no_more": true, "not-partial": true, "loaded": true, "isClosed": true, "synced": true,
		"incomplete": false, "unfinished": false, "inconsistent": false, "invalid": false, "endpoint": false, "allowed": true, "allow": false, "fullness": false, "elastic": false,
		"untruncated": true, "isUnfiltered": true, "unlimited": true, "unpaged": true, "nonTruncated": true, "unwhole": false,
		"hasMore": false, "note": false, "truncated": false, "limitReached": false, "archived": false, "isCached": false, "deleted": false, "deprecated": false, "degraded": false,
		"failed": false, "filtered": false, "paginated": false, "extended": false, "unsorted": false, "speedy": false,
	} {
		judge := jsonscan.Judge{Strict: true}
		judge.Member([]byte(name), []byte("false"))
		assert.Equal(t, open, judge.Says(nil, 0) != "", name)
	}
}

func TestAffirms(t *testing.T) {
	for name, want := range map[string]bool{
		"ok": true, "isCompleted": true, "has_succeeded": true, "wasValid": true, "Success": true, "final": true,
		"firstRun": false, "isLastAttempt": false, "incomplete": false, "cached": false, "okay": false, "fullTrace": false, "exactMatch": false,
	} {
		assert.Equal(t, want, jsonscan.Affirms(name), name)
	}
}

func TestBool(t *testing.T) {
	for value, want := range map[string][2]bool{
		"true": {true, true}, `"TRUE"`: {true, true}, `"yes"`: {true, true}, "1": {true, true}, `"1"`: {true, true},
		"false": {false, true}, `"False"`: {false, true}, `"no"`: {false, true}, "0": {false, true},
		"null": {}, `""`: {}, "2": {}, "{}": {}, "[]": {}, `"maybe"`: {},
	} {
		is, ok := jsonscan.Bool([]byte(value))
		assert.Equal(t, want, [2]bool{is, ok}, value)
	}
}
