package promptorchestra_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	promptorchestra "github.com/prompt-orchestra/promptorchestra-go"
	"github.com/prompt-orchestra/promptorchestra-go/internal/apitest"
)

// Envelopes of well-known APIs and frameworks around a list of one run, which stands for "*": a
// first page, of which List and All say that there is more, and a last page, which is whole to them.
// Find takes no first page for the whole list.
func TestListsOfWellKnownAPIs(t *testing.T) {
	for name, row := range map[string]struct {
		first, last             string
		firstHeader, lastHeader http.Header
	}{
		"Stripe":                {first: `{"object":"list","url":"/v1/x","has_more":true,"data":*}`, last: `{"object":"list","url":"/v1/x","has_more":false,"data":*}`},
		"GitHub":                {first: `*`, firstHeader: http.Header{"Link": {`<https://x?page=2>; rel="next", <https://x?page=9>; rel="last"`}}, last: `*`, lastHeader: http.Header{"Link": {`<https://x?page=8>; rel="prev", <https://x?page=1>; rel="first"`}}},
		"GitHub search":         {first: `{"total_count":40,"incomplete_results":false,"items":*}`, last: `{"total_count":1,"incomplete_results":false,"items":*}`},
		"GitLab":                {first: `*`, firstHeader: http.Header{"X-Next-Page": {"2"}, "X-Page": {"1"}, "X-Per-Page": {"20"}, "X-Total": {"40"}, "X-Total-Pages": {"2"}}, last: `*`, lastHeader: http.Header{"X-Next-Page": {""}, "X-Page": {"1"}, "X-Per-Page": {"20"}, "X-Total": {"1"}, "X-Total-Pages": {"1"}, "X-Prev-Page": {""}}},
		"Spring's Page":         {first: `{"content":*,"pageable":{"pageNumber":0,"pageSize":20,"offset":0,"paged":true,"unpaged":false,"sort":{"sorted":false,"empty":true}},"last":false,"totalPages":3,"totalElements":60,"size":20,"number":0,"numberOfElements":20,"first":true,"empty":false}`, last: `{"content":*,"pageable":{"pageNumber":0,"pageSize":20,"offset":0,"paged":true,"unpaged":false},"last":true,"totalPages":1,"totalElements":1,"size":20,"number":0,"numberOfElements":1,"first":true,"empty":false}`},
		"Spring's Slice":        {first: `{"content":*,"size":20,"number":0,"first":true,"last":false,"numberOfElements":1}`, last: `{"content":*,"size":20,"number":3,"first":false,"last":true,"numberOfElements":1}`},
		"Spring HATEOAS":        {first: `{"runs":*,"_links":{"first":{"href":"/a"},"self":{"href":"/a"},"next":{"href":"/b"},"last":{"href":"/c"}},"page":{"size":20,"totalElements":60,"totalPages":3,"number":0}}`, last: `{"runs":*,"_links":{"self":{"href":"/a"},"profile":{"href":"/p"}},"page":{"size":20,"totalElements":1,"totalPages":1,"number":0}}`},
		"Django REST":           {first: `{"count":40,"next":"https://x/?page=2","previous":null,"results":*}`, last: `{"count":1,"next":null,"previous":"https://x/?page=1","results":*}`},
		"JSON:API":              {first: `{"data":*,"links":{"self":"/a","first":"/a","prev":null,"next":"/b","last":"/c"},"meta":{"total-pages":13}}`, last: `{"data":*,"links":{"self":"/c","first":"/a","prev":"/b","next":null,"last":"/c"},"meta":{"total-pages":1},"jsonapi":{"version":"1.0"}}`},
		"OData 4":               {first: `{"@odata.context":"https://x/$metadata#r","value":*,"@odata.nextLink":"https://x?$skiptoken=1"}`, last: `{"@odata.context":"https://x/$metadata#r","@odata.count":1,"value":*}`},
		"OData 4.01":            {first: `{"@context":"https://x","@count":5,"value":*}`, last: `{"@context":"https://x","@count":1,"value":*}`},
		"HAL":                   {first: `{"_links":{"self":{"href":"/o"},"next":{"href":"/o?page=2"},"find":{"href":"/o{?id}","templated":true}},"total":20,"orders":*}`, last: `{"_links":{"self":{"href":"/o"},"find":{"href":"/o{?id}","templated":true}},"total":1,"orders":*}`},
		"Hydra":                 {first: `{"@id":"/b","@type":"hydra:Collection","hydra:totalItems":60,"hydra:member":*,"hydra:view":{"@id":"/b?page=1","hydra:first":"/b?page=1","hydra:last":"/b?page=2","hydra:next":"/b?page=2"}}`, last: `{"@id":"/b","@type":"hydra:Collection","hydra:totalItems":1,"hydra:member":*,"hydra:search":{"hydra:template":"/b{?t}"}}`},
		"Elasticsearch":         {first: `{"took":5,"timed_out":false,"_shards":{"total":5,"successful":5,"skipped":0,"failed":0},"total":{"value":10000,"relation":"gte"},"max_score":1.0,"hits":*}`, last: `{"took":5,"timed_out":false,"_shards":{"total":5,"successful":5,"skipped":0,"failed":0},"total":{"value":1,"relation":"eq"},"max_score":1.0,"hits":*}`},
		"DynamoDB":              {first: `{"Items":*,"Count":1,"ScannedCount":100,"LastEvaluatedKey":{"id":{"S":"x"}}}`, last: `{"Items":*,"Count":1,"ScannedCount":100,"ConsumedCapacity":{"CapacityUnits":5}}`},
		"Kubernetes":            {first: `{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"123","continue":"x","remainingItemCount":5},"items":*}`, last: `{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"123","selfLink":"/a","continue":""},"items":*}`},
		"Kubernetes' remainder": {first: `{"metadata":{"remainingItemCount":5},"items":*}`, last: `{"metadata":{"remainingItemCount":0},"items":*}`},
		"Google":                {first: `{"kind":"x#list","etag":"e","nextPageToken":"x","resultSizeEstimate":201,"items":*}`, last: `{"kind":"x#list","etag":"e","resultSizeEstimate":201,"items":*}`},
		"Google Calendar":       {first: `{"kind":"x","nextPageToken":"x","items":*}`, last: `{"kind":"x","nextSyncToken":"x","timeZone":"UTC","items":*}`},
		"YouTube":               {first: `{"pageInfo":{"totalResults":60,"resultsPerPage":5},"nextPageToken":"x","items":*}`, last: `{"pageInfo":{"totalResults":1,"resultsPerPage":5},"prevPageToken":"x","items":*}`},
		"Microsoft Graph":       {first: `{"@odata.nextLink":"https://x?$skiptoken=x","value":*}`, last: `{"@odata.deltaLink":"https://x?$deltatoken=x","value":*}`},
		"Azure":                 {first: `{"value":*,"nextLink":"https://x"}`, last: `{"value":*,"nextLink":null}`},
		"Azure Resource Graph":  {first: `{"totalRecords":47,"count":1,"data":*,"resultTruncated":"false","$skipToken":"x"}`, last: `{"totalRecords":1,"count":1,"data":*,"resultTruncated":"false"}`},
		"ASP.NET":               {first: `*`, firstHeader: http.Header{"X-Pagination": {`{"TotalCount":60,"PageSize":1,"TotalPages":60,"HasNext":true}`}}, last: `*`, lastHeader: http.Header{"X-Pagination": {`{"TotalCount":1,"PageSize":20,"TotalPages":1,"HasNext":false}`}}},
		"Azure Cosmos":          {first: `*`, firstHeader: http.Header{"X-Ms-Continuation": {"x"}, "X-Ms-Item-Count": {"1"}}, last: `*`, lastHeader: http.Header{"X-Ms-Item-Count": {"1"}, "X-Ms-Request-Charge": {"2.8"}}},
		"S3":                    {first: `{"IsTruncated":true,"KeyCount":1,"MaxKeys":1000,"NextContinuationToken":"x","Contents":*}`, last: `{"IsTruncated":false,"KeyCount":1,"MaxKeys":1000,"ContinuationToken":"","Contents":*}`},
		"Cognito":               {first: `{"Users":*,"PaginationToken":"x"}`, last: `{"Users":*}`},
		"Salesforce":            {first: `{"totalSize":3222,"done":false,"nextRecordsUrl":"/q/x-1","records":*}`, last: `{"totalSize":1,"done":true,"records":*}`},
		"Salesforce's done":     {first: `{"done":false,"records":*}`, last: `{"done":true,"records":*}`},
		"Salesforce's size":     {first: `{"totalSize":3222,"records":*}`, last: `{"totalSize":1,"records":*}`},
		"Jira":                  {first: `{"startAt":0,"maxResults":50,"total":200,"isLast":false,"values":*}`, last: `{"startAt":0,"maxResults":50,"total":1,"isLast":true,"values":*}`},
		"Jira's isLast":         {first: `{"maxResults":50,"isLast":false,"values":*}`, last: `{"maxResults":50,"isLast":true,"values":*}`},
		"Confluence":            {first: `{"results":*,"start":0,"limit":25,"size":25,"_links":{"base":"https://x","context":"/wiki","next":"/r?start=25"}}`, last: `{"results":*,"start":0,"limit":25,"size":1,"_links":{"base":"https://x","context":"/wiki"}}`},
		"Bitbucket Server":      {first: `{"size":1,"limit":25,"isLastPage":false,"values":*,"start":0,"nextPageStart":25}`, last: `{"size":1,"limit":25,"isLastPage":true,"values":*,"start":0,"nextPageStart":null}`},
		"Slack":                 {first: `{"ok":true,"channels":*,"response_metadata":{"next_cursor":"dGVhbQ=="}}`, last: `{"ok":true,"channels":*,"response_metadata":{"next_cursor":""}}`},
		"Slack's files":         {first: `{"ok":true,"files":*,"paging":{"count":100,"total":319,"page":1,"pages":4}}`, last: `{"ok":true,"files":*,"paging":{"count":100,"total":1,"page":1,"pages":1}}`},
		"Notion":                {first: `{"object":"list","results":*,"next_cursor":"x","has_more":true,"type":"block","block":{}}`, last: `{"object":"list","results":*,"next_cursor":null,"has_more":false,"type":"block","block":{},"request_id":"x"}`},
		"Airtable":              {first: `{"records":*,"offset":"itrX/recX"}`, last: `{"records":*}`},
		"Shopify":               {first: `{"orders":*}`, firstHeader: http.Header{"Link": {`<https://x?page_info=a>; rel=previous, <https://x?page_info=b>; rel=next`}}, last: `{"orders":*}`, lastHeader: http.Header{"Link": {`<https://x?page_info=a>; rel=previous`}}},
		"Algolia":               {first: `{"hits":*,"nbHits":60,"page":0,"nbPages":3,"hitsPerPage":20,"exhaustiveNbHits":true,"processingTimeMS":1,"query":"q","params":"x"}`, last: `{"hits":*,"nbHits":1,"page":0,"nbPages":1,"hitsPerPage":20,"exhaustiveNbHits":false,"processingTimeMS":7,"query":"q","params":"x"}`},
		"Solr":                  {first: `{"numFound":60,"start":0,"numFoundExact":true,"docs":*}`, last: `{"numFound":1,"start":0,"numFoundExact":true,"docs":*}`},
		"Contentful":            {first: `{"sys":{"type":"Array"},"total":60,"skip":0,"limit":20,"items":*}`, last: `{"sys":{"type":"Array"},"total":1,"skip":0,"limit":20,"items":*}`},
		"Contentful's cursors":  {first: `{"limit":20,"pages":{"next":"/x?pageNext=a"},"items":*}`, last: `{"limit":20,"pages":{"prev":"/x?pagePrev=a"},"items":*}`},
		"Firestore":             {first: `{"documents":*,"nextPageToken":"x"}`, last: `{"documents":*}`},
		"Meilisearch":           {first: `{"hits":*,"offset":0,"limit":20,"estimatedTotalHits":60,"processingTimeMs":5,"query":""}`, last: `{"hits":*,"offset":0,"limit":20,"estimatedTotalHits":1,"processingTimeMs":5,"query":""}`},
		"Typesense":             {first: `{"found":60,"out_of":1000,"page":1,"search_time_ms":5,"search_cutoff":false,"hits":*}`, last: `{"found":1,"out_of":1000,"page":1,"search_time_ms":5,"search_cutoff":false,"hits":*}`},
		"OpenSearch's AWS form": {first: `{"total_hits":60,"hits":*}`, last: `{"total_hits":1,"hits":*}`},
		"Zendesk":               {first: `{"tickets":*,"meta":{"has_more":true,"after_cursor":"x","before_cursor":"y"},"links":{"next":"https://x","prev":"https://y"}}`, last: `{"tickets":*,"meta":{"has_more":false,"after_cursor":"x","before_cursor":"y"},"links":{"prev":"https://y"}}`},
		"Zendesk's offsets":     {first: `{"tickets":*,"count":60,"next_page":"https://x","previous_page":null}`, last: `{"tickets":*,"count":1,"next_page":null,"previous_page":"https://x"}`},
		"Zendesk's export":      {first: `{"tickets":*,"end_of_stream":false,"after_cursor":"x","after_url":"https://x"}`, last: `{"tickets":*,"end_of_stream":true,"after_cursor":"x","after_url":"https://x"}`},
		"HubSpot":               {first: `{"results":*,"paging":{"next":{"after":"NTI1","link":"?after=NTI1"}}}`, last: `{"results":*,"paging":{"prev":{"before":"x"}}}`},
		"HubSpot, of old":       {first: `{"contacts":*,"has-more":true,"vid-offset":204727}`, last: `{"contacts":*,"has-more":false,"vid-offset":204727}`},
		"Intercom":              {first: `{"type":"list","total_count":60,"pages":{"type":"pages","page":1,"per_page":50,"total_pages":2,"next":{"starting_after":"x"}},"data":*}`, last: `{"type":"list","total_count":1,"pages":{"type":"pages","page":1,"per_page":50,"total_pages":1},"data":*}`},
		"Twilio":                {first: `{"page":0,"page_size":50,"first_page_uri":"/a","uri":"/a","previous_page_uri":null,"next_page_uri":"/b","start":0,"end":49,"calls":*}`, last: `{"page":1,"page_size":50,"first_page_uri":"/a","uri":"/b","previous_page_uri":"/a","next_page_uri":null,"start":50,"end":59,"calls":*}`},
		"SendGrid":              {first: `{"results":*,"_metadata":{"self":"https://x","next":"https://y","count":60}}`, last: `{"results":*,"_metadata":{"self":"https://x","prev":"https://y","count":1}}`},
		"WordPress":             {first: `*`, firstHeader: http.Header{"X-Wp-Total": {"60"}, "X-Wp-Totalpages": {"6"}}, last: `*`, lastHeader: http.Header{"X-Wp-Total": {"1"}, "X-Wp-Totalpages": {"1"}}},
		"Google search":         {first: `{"searchInformation":{"searchTime":0.4,"totalResults":"60"},"items":*}`, last: `{"searchInformation":{"searchTime":0.4,"totalResults":"1"},"items":*}`},
		"Facebook's summary":    {first: `{"data":*,"summary":{"total_count":60}}`, last: `{"data":*,"summary":{"total_count":1}}`},
		"Auth0":                 {first: `{"start":0,"limit":50,"length":50,"total":60,"users":*}`, last: `{"start":0,"limit":50,"length":1,"total":1,"users":*}`},
		"Okta":                  {first: `*`, firstHeader: http.Header{"Link": {`<https://x?after=a>; rel="next"`}, "X-Rate-Limit-Remaining": {"599"}}, last: `*`, lastHeader: http.Header{"Link": {`<https://x>; rel="self"`}, "X-Rate-Limit-Remaining": {"599"}, "X-Rate-Limit-Limit": {"600"}}},
		"Strapi":                {first: `{"data":*,"meta":{"pagination":{"page":1,"pageSize":25,"pageCount":3,"total":60}}}`, last: `{"data":*,"meta":{"pagination":{"page":1,"pageSize":25,"pageCount":1,"total":1}}}`},
		"Directus":              {first: `{"data":*,"meta":{"total_count":60,"filter_count":60}}`, last: `{"data":*,"meta":{"total_count":1,"filter_count":1}}`},
		"PostgREST":             {first: `*`, firstHeader: http.Header{"Content-Range": {"0-24/319"}}, last: `*`, lastHeader: http.Header{"Content-Range": {"0-0/1"}}},
		"Laravel":               {first: `{"data":*,"current_page":1,"first_page_url":"/a","from":1,"last_page":4,"last_page_url":"/d","next_page_url":"/b","path":"/","per_page":15,"prev_page_url":null,"to":15,"total":60}`, last: `{"data":*,"current_page":1,"first_page_url":"/a","from":1,"last_page":1,"last_page_url":"/a","next_page_url":null,"path":"/","per_page":15,"prev_page_url":null,"to":1,"total":1}`},
		"Laravel's cursors":     {first: `{"data":*,"path":"/","per_page":15,"next_cursor":"x","next_page_url":"/b","prev_cursor":null}`, last: `{"data":*,"path":"/","per_page":15,"next_cursor":null,"next_page_url":null,"prev_cursor":"x","prev_page_url":"/a"}`},
		"Relay":                 {first: `{"nodes":*,"pageInfo":{"hasNextPage":true,"hasPreviousPage":false,"startCursor":"a","endCursor":"b"}}`, last: `{"nodes":*,"totalCount":1,"pageInfo":{"hasNextPage":false,"hasPreviousPage":true,"startCursor":"a","endCursor":"b"}}`},
		"Facebook":              {first: `{"data":*,"paging":{"cursors":{"after":"a","before":"b"},"next":"https://x"}}`, last: `{"data":*,"paging":{"cursors":{"after":"a","before":"b"},"previous":"https://x"}}`},
		"Twitter 2":             {first: `{"data":*,"meta":{"result_count":1,"next_token":"x"}}`, last: `{"data":*,"meta":{"result_count":1,"previous_token":"x"}}`},
		"Twitter":               {first: `{"users":*,"next_cursor":15,"next_cursor_str":"15","previous_cursor":0}`, last: `{"users":*,"next_cursor":0,"next_cursor_str":"0","previous_cursor":-15}`},
		"mongoose-paginate":     {first: `{"docs":*,"totalDocs":60,"limit":10,"totalPages":6,"page":1,"pagingCounter":1,"hasPrevPage":false,"hasNextPage":true,"prevPage":null,"nextPage":2}`, last: `{"docs":*,"totalDocs":1,"limit":10,"totalPages":1,"page":1,"pagingCounter":1,"hasPrevPage":true,"hasNextPage":false,"prevPage":1,"nextPage":null}`},
		"nestjs-paginate":       {first: `{"data":*,"meta":{"itemsPerPage":20,"totalItems":60,"currentPage":1,"totalPages":3},"links":{"current":"/a","next":"/b","last":"/c"}}`, last: `{"data":*,"meta":{"itemsPerPage":20,"totalItems":1,"currentPage":1,"totalPages":1},"links":{"first":"/a","previous":"/b","current":"/c"}}`},
		"will_paginate":         {first: `{"runs":*,"current_page":1,"per_page":30,"total_entries":60}`, last: `{"runs":*,"current_page":1,"per_page":30,"total_entries":1}`},
		"DataTables":            {first: `{"draw":1,"recordsTotal":60,"recordsFiltered":60,"data":*}`, last: `{"draw":1,"recordsTotal":1,"recordsFiltered":1,"data":*}`},
		"CouchDB":               {first: `{"total_rows":60,"offset":0,"rows":*}`, last: `{"total_rows":1,"offset":0,"rows":*}`},
		"Tastypie":              {first: `{"meta":{"limit":20,"next":"/b","offset":0,"previous":null,"total_count":60},"objects":*}`, last: `{"meta":{"limit":20,"next":null,"offset":0,"previous":null,"total_count":1},"objects":*}`},
		"FHIR":                  {first: `{"resourceType":"Bundle","type":"searchset","total":60,"entry":*}`, last: `{"resourceType":"Bundle","type":"searchset","total":1,"entry":*}`},
		"CloudKit":              {first: `{"syncToken":"x","moreComing":true,"zones":*}`, last: `{"syncToken":"x","moreComing":false,"zones":*}`},
		"Dropbox":               {first: `{"entries":*,"cursor":"x","has_more":true}`, last: `{"entries":*,"cursor":"x","has_more":false}`},
		"Asana":                 {first: `{"data":*,"next_page":{"offset":"x","path":"/a","uri":"https://x"}}`, last: `{"data":*,"next_page":null}`},
		"Trello-like":           {first: `{"page":{"number":0,"of":3},"runs":*}`, last: `{"page":{"number":0,"of":1},"runs":*}`},
		"Instagram":             {first: `{"items":*,"more_available":true,"next_max_id":"x","num_results":1}`, last: `{"items":*,"more_available":false,"num_results":1}`},
		"Reddit":                {first: `{"after":"t3_x","before":null,"dist":25,"modhash":"","children":*}`, last: `{"after":null,"before":null,"dist":1,"modhash":"","children":*}`},
		"Vertx, in Chinese":     {first: `{"pageNum":1,"pageSize":10,"size":1,"total":60,"pages":6,"isFirstPage":true,"isLastPage":false,"list":*}`, last: `{"pageNum":7,"pageSize":10,"size":1,"total":1,"pages":1,"prePage":6,"isFirstPage":true,"isLastPage":true,"list":*}`},
		"totalPage":             {first: `{"currPage":1,"pageSize":10,"totalPage":6,"list":*}`, last: `{"currPage":1,"pageSize":10,"totalPage":1,"list":*}`},
		"Trakt":                 {first: `*`, firstHeader: http.Header{"X-Pagination-Page": {"1"}, "X-Pagination-Limit": {"10"}, "X-Pagination-Page-Count": {"6"}, "X-Pagination-Item-Count": {"60"}}, last: `*`, lastHeader: http.Header{"X-Pagination-Page": {"1"}, "X-Pagination-Limit": {"10"}, "X-Pagination-Page-Count": {"1"}, "X-Pagination-Item-Count": {"1"}}},
		"Sentry":                {first: `*`, firstHeader: http.Header{"Link": {`<https://x?cursor=a>; rel="previous"; results="false"; cursor="0:0:1", <https://x?cursor=b>; rel="next"; results="true"; cursor="0:100:0"`}}, last: `*`, lastHeader: http.Header{"Link": {`<https://x?cursor=a>; rel="previous"; results="true"; cursor="0:0:1", <https://x?cursor=b>; rel="next"; results="false"; cursor="0:100:0"`}}},
		"Matrix":                {first: `{"chunk":*,"next_batch":"p190q","prev_batch":"p1902"}`, last: `{"chunk":*,"prev_batch":"p1902"}`},
		"Hasura":                {first: `{"runs":*,"runs_aggregate":{"aggregate":{"count":60}}}`, last: `{"runs":*,"runs_aggregate":{"aggregate":{"count":1}}}`},
		"OAI-PMH":               {first: `{"records":*,"resumptionToken":"x"}`, last: `{"records":*,"resumptionToken":""}`},
		"DynamoDB's tables":     {first: `{"TableNames":*,"LastEvaluatedTableName":"x"}`, last: `{"TableNames":*}`},
		"S3's uploads":          {first: `{"Uploads":*,"NextUploadIdMarker":"x"}`, last: `{"Uploads":*,"NextUploadIdMarker":""}`},
		"Plaid":                 {first: `{"added":*,"modified":[],"removed":[],"next_cursor":"x","has_more":true}`, last: `{"added":*,"modified":[],"removed":[],"next_cursor":"x","has_more":false}`},
		"Marketo":               {first: `{"requestId":"x","success":true,"nextPageToken":"x","moreResult":true,"result":*}`, last: `{"requestId":"x","success":true,"nextPageToken":"x","moreResult":false,"result":*}`},
		"Zendesk, incremental":  {first: `{"tickets":*,"count":1,"next_page":"https://x","end_time":2,"end_of_stream":false}`, last: `{"tickets":*,"count":1,"next_page":"https://x","end_time":2,"end_of_stream":true}`},
		"Google Drive":          {first: `{"incompleteSearch":false,"files":*,"nextPageToken":"x"}`, last: `{"incompleteSearch":false,"files":*}`},
		"Quay":                  {first: `{"tags":*,"page":1,"has_additional":true}`, last: `{"tags":*,"page":1,"has_additional":false}`},
		"Duffel":                {first: `{"data":*,"meta":{"limit":50,"before":null,"after":"g2wAAAAC"}}`, last: `{"data":*,"meta":{"limit":50,"before":"g2wAAAAC","after":null}}`},
		"WorkOS":                {first: `{"object":"list","data":*,"list_metadata":{"before":null,"after":"obj_1"}}`, last: `{"object":"list","data":*,"list_metadata":{"before":"obj_1","after":null}}`},
		"Heroku":                {first: `*`, firstHeader: http.Header{"Content-Range": {"id 0..x; max=200"}, "Next-Range": {"]x..; max=200"}}, last: `*`, lastHeader: http.Header{"Accept-Ranges": {"id, name"}}},
		"Toggl":                 {first: `*`, firstHeader: http.Header{"X-Next-Id": {"5"}, "X-Next-Row-Number": {"51"}}, last: `*`},
		"a flag of PHP":         {first: `{"is_end":0,"list":*}`, last: `{"is_end":1,"list":*}`},
		"by the list's name":    {first: `{"totalRuns":60,"runs":*}`, last: `{"totalRuns":1,"totalTokens":60,"stepCount":7,"runs":*}`},
		"its name, then total":  {first: `{"runs":*,"runs_total":60}`, last: `{"runs":*,"runs_total":1,"runsFailed":60}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := func(list string) string { return strings.Replace(list, "*", `[{"id":"run_1","promptId":"prm_2"}]`, 1) }
			eachOfTheList(t, whole(row.first), row.firstHeader, func(_ int, err error) {
				assert.ErrorIs(t, err, promptorchestra.ErrMorePages, "the first page")
			})
			eachOfTheList(t, whole(row.last), row.lastHeader, func(yielded int, err error) {
				require.NoError(t, err, "the last page")
				assert.Equal(t, 1, yielded)
			})
			client := apitest.NewClient(t, &findServer{list: whole(row.first), header: row.firstHeader})
			_, err := client.Runs.Find(t.Context(), promptorchestra.RunFindParams{PromptID: "prm_1", Variable: "job_id", Values: []string{"a"}})
			require.ErrorContains(t, err, "may be incomplete")
		})
	}
}
