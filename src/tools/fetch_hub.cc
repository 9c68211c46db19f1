// Models that lie on a hub: plain HTTPS with byte ranges, through libcurl.
#include <curl/curl.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "tools/fetch.h"

namespace sluice::tools {
namespace {

namespace fs = std::filesystem;

struct Transfer {
  FILE* file = nullptr;
  uint64_t offset = 0;  // bytes that were there before
  int write_error = 0;  // errno of a failed write
  HubFile seen;
  long status = 0;
  const Progress* progress = nullptr;
  std::string activity;
};

size_t on_body(char* data, size_t, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const size_t written = std::fwrite(data, 1, count, transfer.file);
  if (written != count) transfer.write_error = errno;
  return written;
}

size_t on_header(char* data, size_t, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  std::string line(data, count);
  for (char& c : line) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  // The hub states the SHA-256 of a large file before it redirects to where it is stored.
  const std::string_view key = "x-linked-etag:";
  if (line.starts_with(key)) {
    std::string hex;
    for (const char c : line.substr(key.size())) {
      if (std::isxdigit(static_cast<unsigned char>(c)) != 0) hex += c;
    }
    if (hex.size() == 64) transfer.seen.sha256 = hex;
  }
  return count;
}

int on_progress(void* context, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
  const auto& transfer = *static_cast<Transfer*>(context);
  (*transfer.progress)(transfer.offset + static_cast<uint64_t>(now),
                       total > 0 ? transfer.offset + static_cast<uint64_t>(total) : 0,
                       transfer.activity);
  return 0;
}

Error transfer_error(CURLcode code, const Transfer& transfer, const std::string& url,
                     const fs::path& partial) {
  if (transfer.write_error != 0) {
    return {Code::kResource, partial.string(), std::strerror(transfer.write_error),
            "free some space, or set XDG_CACHE_HOME or --models-dir; the fetch continues where it "
            "stopped"};
  }
  if (transfer.status >= 400) {
    const bool later = transfer.status == 429 || transfer.status >= 500;
    return {later ? Code::kUnavailable : Code::kNotFound, url,
            "the server answered " + std::to_string(transfer.status),
            later ? "run the same command again later; it continues where it stopped"
                  : "check the address (HF_ENDPOINT, MODELSCOPE_ENDPOINT, SLUICE_HUB)"};
  }
  return {Code::kIo, url, curl_easy_strerror(code),
          "check the network, then run the same command again; it continues where it stopped"};
}

Result<HubFile> get(const std::string& url, const fs::path& partial, const FetchOptions& options,
                    const std::string& activity, const Progress& progress) {
  const std::unique_ptr<CURL, void (*)(CURL*)> handle(curl_easy_init(), curl_easy_cleanup);
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(partial.c_str(), "ab"), std::fclose);
  if (file == nullptr) return fail(Code::kIo, partial.string(), std::strerror(errno));
  Transfer transfer;
  transfer.file = file.get();
  transfer.progress = &progress;
  transfer.activity = activity;
  std::error_code problem;
  transfer.offset = fs::file_size(partial, problem);

  CURL* curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 8L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 15L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "sluice");
  curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(transfer.offset));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  if (!options.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options.ca_file.c_str());
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &transfer.status);
  if (std::fflush(file.get()) != 0 && transfer.write_error == 0) transfer.write_error = errno;
  if (code == CURLE_RANGE_ERROR && transfer.offset > 0) {
    // The server cannot continue a file: begin again.
    std::error_code cut;
    fs::resize_file(partial, 0, cut);
    if (!cut) return get(url, partial, options, activity, progress);
  }
  // 416: the whole file was there already.
  const bool complete = transfer.offset > 0 && transfer.status == 416;
  if ((code != CURLE_OK && !complete) || transfer.write_error != 0) {
    return std::unexpected(transfer_error(code, transfer, url, partial));
  }
  transfer.seen.bytes = fs::file_size(partial, problem);
  return transfer.seen;
}

}  // namespace

Result<HubFile> fetch_from_hub(const CatalogueEntry& entry, const fs::path& partial,
                               const FetchOptions& options, const Progress& progress) {
  struct Hub {
    std::string name;
    std::string url;
  };
  std::vector<Hub> hubs = {
      {"huggingface",
       options.huggingface_url + "/" + entry.hub_repository + "/resolve/main/" + entry.file_name},
      {"modelscope", options.modelscope_url + "/models/" + entry.hub_repository +
                         "/resolve/master/" + entry.file_name},
  };
  if (options.hub == hubs[1].name) std::swap(hubs[0], hubs[1]);
  Error first_error;
  for (size_t i = 0; i < hubs.size(); ++i) {
    auto file = get(hubs[i].url, partial, options,
                    "fetching " + entry.file_name + " from " + hubs[i].name, progress);
    if (file) return file;
    if (i == 0) first_error = file.error();
    if (file.error().code == Code::kResource) break;
  }
  return std::unexpected(first_error);
}

}  // namespace sluice::tools
