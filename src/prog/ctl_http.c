/*
 * One question to the daemon, over its unix socket or its TLS port.
 *
 * The token of the latter comes from a file: an argument would be in everybody's process list.
 *
 * A write whose answer is lost may have been done.  The message says so; whether repeating is
 * harmless is for the caller to know (a payment with its number: yes).
 */
#include "prog/ctl.h"

#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/words.h"
#include "codec/webhook.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_S   5L
#define ANSWER_S    30L
#define ANSWER_MOST (256U << 20)

static size_t
on_body(char *bytes, size_t one, size_t n, void *arg)
{
	struct buf *answer = arg;

	if (answer->len + n > ANSWER_MOST)
		return 0;
	buf_put(answer, bytes, one * n);
	return n;
}

static void
put_url(struct buf *url, CURL *curl, const char *base, const char *path, bool post,
    const struct ctl_value *values, size_t n)
{
	char mark = '?';

	size_t len = base != NULL ? strlen(base) : 0;

	if (base == NULL)
		buf_put_text(url, "http://powergate");
	else
		buf_put(url, base, len - (len > 0 && base[len - 1] == '/'));
	buf_printf(url, "/v1/%s", path);
	for (size_t i = 0; i < n && !post; i++) {
		char *text;

		if (values[i].ours)
			continue;
		text = curl_easy_escape(curl, values[i].text, (int)strlen(values[i].text));
		buf_printf(url, "%c%s=%s", mark, values[i].name, text != NULL ? text : "");
		curl_free(text);
		mark = '&';
	}
}

static void
put_body(struct buf *body, const struct ctl_value *values, size_t n)
{
	bool first = true;

	buf_put_u8(body, '{');
	for (size_t i = 0; i < n; i++) {
		if (values[i].ours)
			continue;
		if (!first)
			buf_put_u8(body, ',');
		first = false;
		json_quote(body, values[i].name);
		buf_put_u8(body, ':');
		json_quote(body, values[i].text);
	}
	buf_put_u8(body, '}');
}

/* Why the socket cannot be reached; curl does not tell. */
static const char *
hindrance(const char *path)
{
	if (access(path, F_OK) < 0)
		return errno == ENOENT ? _("no such socket: is powergated running?")
				       : strerror(errno);
	if (access(path, R_OK | W_OK) < 0)
		return _("you may not use it: be root or in its group");
	return _("nobody listens: is powergated running?");
}

static bool
never_left(CURLcode code)
{
	return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
	       code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION ||
	       code == CURLE_SSL_CACERT_BADFILE || code == CURLE_UNSUPPORTED_PROTOCOL ||
	       code == CURLE_URL_MALFORMAT;
}

static enum ctl_exit
no_answer(const struct ctl *c, CURLcode code, bool post, const char *words)
{
	if (code == CURLE_COULDNT_CONNECT && c->url == NULL)
		ctl_complain("%s: %s", c->socket, hindrance(c->socket));
	else
		ctl_complain("%s: %s%s", c->url != NULL ? c->url : c->socket,
		    words[0] != '\0' ? words : curl_easy_strerror(code),
		    post && !never_left(code)
			? _(": it may have been done; look before you repeat it")
			: "");
	return CTL_UNREACHED;
}

static enum ctl_exit
judge(long status, struct buf *answer)
{
	cJSON *json;
	const cJSON *error;
	struct buf words = {0};

	if (status == 200)
		return CTL_DONE;
	json = cJSON_Parse(buf_text(answer));
	error = cJSON_GetObjectItemCaseSensitive(json, "error");
	if (cJSON_IsString(error))
		ctl_put_safe(&words, error->valuestring);
	else
		buf_printf(&words, "the daemon answers with status %ld", status);
	ctl_complain("%s", buf_text(&words));
	buf_clear(&words);
	cJSON_Delete(json);
	return status == 503 || status == 429 ? CTL_LATER : CTL_NO;
}

/* "Authorization: Bearer ..." */
static int
token_header(const char *file, char *out, size_t room, struct err *e)
{
	static const char name[] = "Authorization: Bearer ";
	size_t len = strlen(name);

	memcpy(out, name, len + 1);
	if (conf_secret_file(file, out + len, room - len, e) < 0)
		return -1;
	if (out[len + strspn(out + len, "pgt_0123456789ABCDEF")] != '\0')
		return err_set(e, ERR_INPUT, "%s: this is no token", file);
	return 0;
}

static void
address(CURL *curl, const struct ctl *c)
{
	if (c->url == NULL) {
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
		curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
		return;
	}
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (c->cacert != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, c->cacert);
}

static CURLcode
perform(CURL *curl, const struct ctl *c, const char *url, const char *token, const char *body,
    struct buf *answer, char *words, long *status)
{
	struct curl_slist *headers = NULL;
	CURLcode code;

	headers = curl_slist_append(headers, "Expect:");
	headers = curl_slist_append(headers, "Accept: application/json");
	if (token != NULL)
		headers = curl_slist_append(headers, token);
	address(curl, c);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, c->patience_s > 0 ? c->patience_s : ANSWER_S);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	if (body != NULL) {
		headers = curl_slist_append(headers, "Content-Type: application/json");
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	}
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
	curl_slist_free_all(headers);
	return code;
}

enum ctl_exit
ctl_ask(const struct ctl *c, const char *path, bool post, const struct ctl_value *values, size_t n,
    struct buf *answer)
{
	CURL *curl = curl_easy_init();
	char words[CURL_ERROR_SIZE] = "", token[160] = "";
	struct buf url = {0}, body = {0};
	enum ctl_exit result;
	struct err e;
	long status = 0;
	CURLcode code;

	*answer = (struct buf){0};
	if (curl == NULL) {
		ctl_complain("libcurl does not start");
		return CTL_UNREACHED;
	}
	if (c->url != NULL &&
	    (c->token_file == NULL || token_header(c->token_file, token, sizeof token, &e) < 0)) {
		ctl_complain("%s", c->token_file == NULL ? _("--url needs --token-file") : e.text);
		curl_easy_cleanup(curl);
		return CTL_USAGE;
	}
	put_url(&url, curl, c->url, path, post, values, n);
	if (post)
		put_body(&body, values, n);
	code = perform(curl, c, buf_text(&url), token[0] != '\0' ? token : NULL,
	    post ? buf_text(&body) : NULL, answer, words, &status);
	explicit_bzero(token, sizeof token);
	result = code == CURLE_OK ? judge(status, answer) : no_answer(c, code, post, words);
	curl_easy_cleanup(curl);
	buf_clear(&body);
	buf_clear(&url);
	return result;
}
