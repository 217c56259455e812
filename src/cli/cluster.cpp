// cluster init, invite, join, witness, leave, status, recover, backup and restore.
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <thread>

#include "adapter/descriptor.hpp"
#include "cli/commands.hpp"
#include "daemon/boot.hpp"

namespace haven::cli {
namespace {

namespace fs = std::filesystem;

// A havend that begins again has to start an etcd and copy into it, or to stop what runs here.
constexpr auto kBackWithin = std::chrono::seconds(150);
constexpr auto kLook = std::chrono::milliseconds(200);
constexpr std::size_t kMostBackupBytes = std::size_t{24} << 20U;

std::string text_at(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::string run_of(const Client& client) {
  const auto status = client.get("/v1/cluster/status");
  return status ? text_at(*status, "run") : std::string();
}

// havend has taken the order and begins again; tells its status once it has.
tl::expected<Json, Trouble> wait_until_back(const Client& client, const std::string& run) {
  const auto deadline = std::chrono::steady_clock::now() + kBackWithin;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto status = client.get("/v1/cluster/status");
    if (status && text_at(*status, "run") != run) return *status;
    // A daemon that is not there yet tells nobody when it is.
    std::this_thread::sleep_for(kLook);
  }
  return tl::unexpected(trouble(kNotAsWished, "havend is not back yet", "", "look at its log: journalctl -u havend"));
}

int begun_again(const Client& client, const Output& output, const std::string& run, bool joined,
                const std::string& line) {
  const auto status = wait_until_back(client, run);
  if (!status) return output.fail(status.error());
  if (status->at("managed") != joined) {
    const std::string why = text_at(*status, "last_failure");
    return output.fail(trouble(kNotAsWished, why.empty() ? "havend is back, and nothing has changed" : why, "",
                               why.empty() ? "look at its log: journalctl -u havend" : ""));
  }
  output.line(line);
  Json object = *status;
  object["ok"] = true;
  output.object(object);
  return kDone;
}

// A secret from standard input becomes a file that only this user can read, and is gone at the end.
class SecretFile {
 public:
  explicit SecretFile(const std::string& path) : path_(path) {
    if (path != "-") {
      std::error_code error;
      path_ = fs::absolute(path, error).string();
      return;
    }
    const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    path_ = (fs::temp_directory_path() / "haven-secret-XXXXXX").string();
    const adapter::Descriptor file(::mkstemp(path_.data()));
    made_ = static_cast<bool>(file);
    good_ = made_ && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }
  ~SecretFile() {
    if (made_) ::unlink(path_.c_str());
  }
  SecretFile(const SecretFile&) = delete;
  SecretFile& operator=(const SecretFile&) = delete;
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool made_ = false;
  bool good_ = true;
};

std::string mib(const Json& bytes) {
  return bytes.is_number() ? std::to_string(bytes.get<std::int64_t>() >> 20) + " MiB" : "";
}

void print_members(const Output& output, const Json& status) {
  for (const Json& member : status.at("members")) {
    const std::string role = member.at("leader") == true ? "leads" : member.at("voter") == true ? "votes" : "learns";
    const std::string health = member.at("healthy") == true ? "well" : "NOT WELL: " + text_at(member, "trouble");
    output.line("  " + padded(text_at(member, "name"), 16) + padded(role, 8) + padded(text_at(member, "version"), 10) +
                padded(mib(member.at("db_bytes")), 10) + health);
  }
  for (const Json& seat : status.at("joined")) {
    bool votes = false;
    for (const Json& member : status.at("members")) votes = votes || member.at("name") == seat.at("name");
    if (!votes)
      output.line("  " + padded(text_at(seat, "name"), 16) +
                  (seat.at("left") == true ? "has left" : "has joined, and does not vote"));
  }
}

}  // namespace

int cluster_init(const Client& client, const Output& output, const ClusterOptions& options) {
  const std::string run = run_of(client);
  const auto begun = client.post("/v1/cluster/init",
                                 {{"cluster", options.name}, {"address", options.address}, {"by", on_behalf_of()}});
  if (!begun) return output.fail(begun.error());
  return begun_again(
      client, output, run, true,
      "this host is the first of cluster " + text_at(*begun, "cluster") + "; `haven cluster invite` lets others join");
}

int cluster_invite(const Client& client, const Output& output) {
  const auto made = client.post("/v1/cluster/invite", {{"by", on_behalf_of()}});
  if (!made) return output.fail(made.error());
  const std::string file = text_at(*made, "file");
  output.line("the secret is in " + file +
              "; it is good for one machine, for one hour. On that machine, with the file:");
  output.line("  haven cluster join " + text_at(*made, "at") + " --secret-file FILE");
  output.object({{"file", file}, {"at", made->at("at")}});
  return kDone;
}

int cluster_join(const Client& client, const Output& output, const ClusterOptions& options) {
  const SecretFile secret(options.secret_file);
  if (!secret.good())
    return output.fail(trouble(kBadInput, "the secret cannot be kept for a moment", secret.path(), ""));
  const std::string run = run_of(client);
  const auto begun = client.post(
      "/v1/cluster/join",
      {{"at", options.at}, {"secret_file", secret.path()}, {"address", options.address}, {"witness", options.witness}});
  if (!begun) return output.fail(begun.error());
  return begun_again(client, output, run, true,
                     options.witness ? "this host has joined as the witness" : "this host has joined");
}

int cluster_leave(const Client& client, const Output& output, const ClusterOptions& options) {
  if (!options.yes && !confirmed("What runs here stops and starts elsewhere, where there is room. Leave?"))
    return output.fail(trouble(kNotAsWished, "nothing was changed", "", ""));
  const std::string run = run_of(client);
  const auto begun = client.post("/v1/cluster/leave", {{"by", on_behalf_of()}});
  if (!begun) return output.fail(begun.error());
  return begun_again(client, output, run, false, "this host has left; nothing of the cluster runs here");
}

int cluster_status(const Client& client, const Output& output) {
  const auto status = client.get("/v1/cluster/status");
  if (!status) return output.fail(status.error());
  const std::string trouble = text_at(*status, "trouble");
  bool well = trouble.empty();
  if (status->at("managed") == false) {
    output.line("engine: " + text_at(*status, "engine") +
                (status->at("engine") == "etcd" ? ", of your own: its members are not Haven's to change" : ""));
  } else {
    const auto epoch = status->value("epoch", std::uint64_t{0});
    output.line("cluster " + text_at(*status, "cluster") + ", engine: etcd" +
                (epoch > 0 ? ", epoch " + std::to_string(epoch) : "") +
                (status->at("witness") == true ? "; this is the witness" : ""));
    if (!trouble.empty()) output.line("  " + trouble);
    print_members(output, *status);
    if (const std::string doing = text_at(*status, "doing"); !doing.empty()) output.line("  now: " + doing);
    for (const Json& member : status->at("members")) well = well && member.at("healthy") == true;
    for (const Json& alarm : status->value("alarms", Json::array())) {
      well = false;
      output.line("  ALARM: " + alarm.get<std::string>());
    }
  }
  if (const std::string failed = text_at(*status, "last_failure"); !failed.empty())
    output.line("  the last `haven cluster init` failed: " + failed);
  output.object(*status);
  return well ? kDone : kNotAsWished;
}

int cluster_recover(const Client& client, const Output& output, const ClusterOptions& options) {
  for (const auto& host : options.lost) {
    if (!typed_name(host)) return output.fail(trouble(kBadInput, "that is not " + host, "", "the machine's name"));
  }
  const std::string run = run_of(client);
  const auto begun = client.post("/v1/cluster/recover", {{"lost", options.lost}, {"by", on_behalf_of()}});
  if (!begun) return output.fail(begun.error());
  return begun_again(client, output, run, true,
                     "the engine goes on from this host's copy, in epoch " + std::to_string(begun->value("epoch", 0)) +
                         "; the other hosts are to join it: haven cluster invite");
}

int cluster_backup(const Client& client, const Output& output, const ClusterOptions& options) {
  const auto made = client.get("/v1/cluster/backup");
  if (!made) return output.fail(made.error());
  const std::string text = text_at(*made, "backup");
  if (auto kept = daemon::replace_file_durably(options.file, text); !kept)
    return output.fail(trouble(kNotAsWished, "the backup cannot be kept: " + kept.error(), options.file, ""));
  // Its address is the checksum of its content: the first line of the file.
  const auto space = text.find(' ');
  const std::string address = text.substr(space + 1, text.find('\n') - space - 1);
  output.line("cluster " + text_at(*made, "cluster") + ": " + made->at("entries").dump() + " entries at revision " +
              made->at("revision").dump() + ", sha256 " + address);
  output.object({{"file", options.file},
                 {"sha256", address},
                 {"entries", made->at("entries")},
                 {"revision", made->at("revision")}});
  return kDone;
}

int cluster_restore(const Client& client, const Output& output, const ClusterOptions& options) {
  const auto text = daemon::read_file(options.file, kMostBackupBytes);
  if (!text)
    return output.fail(trouble(kBadInput, text.error(), options.file, "a file that `haven cluster backup` wrote"));
  const auto done = client.post("/v1/cluster/restore", {{"backup", *text}, {"by", on_behalf_of()}});
  if (!done) return output.fail(done.error());
  output.line("cluster " + text_at(*done, "cluster") + " stands in the engine again (" + done->at("entries").dump() +
              " entries, epoch " + done->at("epoch").dump() +
              "); nothing starts before every host of its file has said what it runs");
  output.object(*done);
  return kDone;
}

}  // namespace haven::cli
