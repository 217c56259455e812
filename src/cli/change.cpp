// apply, diff and protect.
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <utility>

#include "cli/commands.hpp"
#include "daemon/boot.hpp"
#include "daemon/domain_text.hpp"
#include "file/cluster_file.hpp"

namespace haven::cli {
namespace {

namespace fs = std::filesystem;

// A file as it is sent: judged here first, so that its domains are read where the operator stands.
tl::expected<Json, int> request_of(const std::string& file, const std::string& text, const Output& output) {
  std::map<std::string, std::string> domains;
  const auto spec = file::parse_cluster(text, file, file::Purpose::apply, daemon::domain_files(domains));
  if (!spec) return tl::unexpected(output.fail(spec.error()));
  return Json{{"file_name", file}, {"text", text}, {"domains", domains}};
}

tl::expected<Json, int> read_request(const std::string& file, const Output& output) {
  const auto text = daemon::read_file(file);
  if (!text) {
    return tl::unexpected(
        output.fail(trouble(kBadInput, text.error(), "", "the path of a cluster file that can be read")));
  }
  return request_of(file, *text, output);
}

void show_changes(const Json& judged, const Output& output) {
  for (const Json& warning : judged.at("warnings")) output.line("warning: " + warning.get<std::string>());
  for (const Json& change : judged.at("changes")) output.line(change.get<std::string>());
}

int commit(const Client& client, const Output& output, Json request, bool yes) {
  request["dry_run"] = true;
  auto judged = client.post("/v1/apply", request);
  if (!judged) return output.fail(judged.error());
  show_changes(*judged, output);
  if (!judged->at("changed").get<bool>()) {
    output.line("nothing to change");
    output.object({{"applied", false},
                   {"changed", false},
                   {"changes", judged->at("changes")},
                   {"warnings", judged->at("warnings")}});
    return kDone;
  }
  if (!yes) {
    if (!input_is_terminal() || output.json()) {
      return output.fail(trouble(kBadInput, "nobody can be asked", "", "--yes, after a look at `haven diff`"));
    }
    if (!confirmed("Apply?")) {
      output.line("nothing was applied");
      return kNotAsWished;
    }
  }
  request["dry_run"] = false;
  request["seen"] = judged->at("seen");
  const auto done = client.post("/v1/apply", request);
  if (!done) return output.fail(done.error());
  output.line("applied");
  output.object(
      {{"applied", true}, {"changed", true}, {"changes", done->at("changes")}, {"warnings", done->at("warnings")}});
  return kDone;
}

// What may stand in a cluster file as a name.
std::string name_for(const std::string& domain) {
  std::string name;
  for (const char c : domain) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      name += c;
    } else if (c >= 'A' && c <= 'Z') {
      name += static_cast<char>(c - 'A' + 'a');
    } else if (!name.empty()) {
      name += '-';
    }
  }
  return name;
}

// The file as it is on disk, else as it was applied, else one for this host alone.
tl::expected<std::string, std::string> current_text(const std::string& file, const Json& stored) {
  auto text = daemon::read_file(file);
  std::error_code error;
  if (text || fs::exists(file, error) || error) return text;
  if (stored.at("text").is_string()) return stored.at("text").get<std::string>();
  const std::string host = stored.at("host").get<std::string>();
  return "[cluster]\nname = \"haven\"\n\n[[host]]\nname = \"" + host + "\"\naddress = \"127.0.0.1\"\n";
}

// The file is replaced only after havend has found nothing wrong with it; the domain's XML goes beside it.
tl::expected<void, std::string> write_files(const ProtectOptions& options, const std::string& xml_path,
                                            const std::string& xml, const std::string& text, const Json& domains) {
  std::error_code error;
  fs::create_directories(fs::path(xml_path).parent_path(), error);
  if (error) return tl::unexpected(xml_path + ": " + error.message());
  for (const auto& [path, content] : domains.items()) {
    if (fs::exists(path, error) || !content.is_string()) continue;
    if (auto done = daemon::replace_file(path, content.get<std::string>()); !done) return done;
  }
  if (auto done = daemon::replace_file(xml_path, xml); !done) return done;
  return daemon::replace_file_durably(options.file, text, daemon::mode_of(options.file));
}

}  // namespace

int apply(const Client& client, const Output& output, const ApplyOptions& options) {
  auto request = read_request(options.file, output);
  if (!request) return request.error();
  (*request)["unprotected"] = options.unprotected;
  (*request)["by"] = on_behalf_of();
  return commit(client, output, std::move(*request), options.yes);
}

int diff(const Client& client, const Output& output, const std::string& file) {
  auto request = read_request(file, output);
  if (!request) return request.error();
  (*request)["dry_run"] = true;
  (*request)["unprotected"] = true;  // what `apply` would refuse is a difference too
  const auto judged = client.post("/v1/apply", *request);
  if (!judged) return output.fail(judged.error());
  show_changes(*judged, output);
  const bool changed = judged->at("changed").get<bool>();
  if (!changed) output.line("no difference");
  output.object({{"changed", changed}, {"changes", judged->at("changes")}, {"warnings", judged->at("warnings")}});
  return changed ? kNotAsWished : kDone;
}

int protect(const Client& client, const Output& output, const ProtectOptions& options) {
  const auto stored = client.get("/v1/spec");
  if (!stored) return output.fail(stored.error());
  const auto domain = client.get("/v1/domain", {{"name", options.domain}});
  if (!domain) return output.fail(domain.error());
  const std::string xml = domain->at("xml").get<std::string>();
  const std::string name = name_for(options.domain);
  const std::string xml_path = (fs::path(options.file).parent_path() / (name + ".xml")).string();
  const auto current = current_text(options.file, *stored);
  if (!current) return output.fail(trouble(kBadInput, current.error(), options.file, "a cluster file"));
  const std::string text = *current + "\n[[vm]]\nname = \"" + name + "\"\ndomain = \"" + name + ".xml\"\n";

  // Judged as it will be: the other domains from disk, or as they were applied.
  std::map<std::string, std::string> domains;
  const auto from_disk = daemon::domain_files(domains);
  const auto read = [&](const std::string& path) -> tl::expected<file::DomainText, std::string> {
    const auto applied = stored->at("domains").find(path);
    if (path == xml_path) {
      domains[path] = xml;
    } else if (daemon::read_file(path) || applied == stored->at("domains").end()) {
      return from_disk(path);
    } else {
      domains[path] = applied->get<std::string>();
    }
    return daemon::domain_text(domains[path]);
  };
  const auto spec = file::parse_cluster(text, options.file, file::Purpose::apply, read);
  if (!spec) return output.fail(spec.error());
  Json request = {{"file_name", options.file}, {"text", text}, {"domains", domains}, {"dry_run", true}};
  const auto judged = client.post("/v1/apply", request);
  if (!judged) return output.fail(judged.error());
  if (auto written = write_files(options, xml_path, xml, text, request["domains"]); !written) {
    return output.fail(trouble(kNotAsWished, written.error(), "", "a folder that can be written"));
  }
  output.line(options.domain + " is in " + options.file + " now, its XML in " + xml_path);
  if (options.apply) return commit(client, output, std::move(request), options.yes);
  show_changes(*judged, output);
  output.line("Not applied yet: haven apply " + options.file);
  output.object({{"applied", false},
                 {"changed", true},
                 {"file", options.file},
                 {"changes", judged->at("changes")},
                 {"warnings", judged->at("warnings")}});
  return kDone;
}

}  // namespace haven::cli
