// A live migration, followed until it runs there or stays where it was.
#include <chrono>
#include <map>
#include <string>
#include <thread>

#include "cli/answer.hpp"
#include "cli/commands.hpp"
#include "cli/moving.hpp"
#include "cli/progress.hpp"

namespace haven::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kAskAgain = std::chrono::milliseconds(200);
// A havend that restarts in the middle is waited for.
constexpr auto kSilence = std::chrono::seconds(30);
// Longer than any migration may take (core: kMigrateTimeout).
constexpr auto kPatience = std::chrono::minutes(35);

struct Sight {
  std::string state, host, why, moving_to;
  std::string stage;  // of the move: how far it is, where that is known
};

tl::expected<Sight, Trouble> look(const Client& client, const std::string& resource) {
  const auto status = client.get("/v1/status");
  if (!status) return tl::unexpected(status.error());
  for (const Json& one : status->value("resources", Json::array()))
    if (text(one, "name") == resource)
      return Sight{text(one, "state"), text(one, "host"), text(one, "why"), text(one, "moving_to"), moving_words(one)};
  return tl::unexpected(trouble(kNotAsWished, "there is no resource " + resource, "", ""));
}

// The newest word of the journal about it: where the list ends, and why it stayed.
struct Told {
  std::string last;
  std::string why;
};
Told told_since(const Client& client, const std::string& resource, const std::string& after) {
  std::map<std::string, std::string> query{{"resource", resource}};
  if (!after.empty()) query["after"] = after;
  const auto journal = client.get("/v1/journal", query);
  if (!journal) return {after, ""};
  Told told{text(*journal, "last"), ""};
  for (const Json& entry : journal->value("entries", Json::array())) {
    if (text(entry, "kind") == "stayed") told.why = text(entry, "why");
    if (text(entry, "kind") != "place-failed") continue;
    for (const Json& reason : entry.value("reasons", Json::array()))
      told.why = text(reason, "host") + " cannot take it: " + text(reason, "reason");
  }
  return told;
}

int end(const Output& output, bool moved, const Sight& sight, const std::string& words) {
  output.line(words);
  output.object({{"ok", moved}, {"state", sight.state}, {"host", sight.host}, {"text", words}});
  return moved ? kDone : kNotAsWished;
}

// The seconds are libvirt's where it tells how far it is, else those of the wait.
std::string line_of(const std::string& resource, const Sight& sight, Clock::time_point begun) {
  const std::string leave = "Ctrl-C leaves it to itself";
  if (!sight.stage.empty()) return resource + " " + sight.stage + " (" + leave + ")";
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begun).count();
  return resource + " " + (sight.why.empty() ? sight.state : sight.why) + " (" + std::to_string(seconds) + " s; " +
         leave + ")";
}

int follow(const Client& client, const Output& output, const MigrateOptions& options, const std::string& told_before) {
  const auto begun = Clock::now();
  auto heard = begun;
  Progress progress(output);
  while (Clock::now() < begun + kPatience) {
    const auto sight = look(client, options.resource);
    if (!sight && (!sight.error().unreachable || Clock::now() > heard + kSilence)) return output.fail(sight.error());
    if (sight) {
      heard = Clock::now();
      const bool there = sight->host == options.host && sight->state == "running" && sight->moving_to.empty();
      const std::string why = there ? "" : told_since(client, options.resource, told_before).why;
      if (there || (!why.empty() && sight->moving_to.empty())) {
        progress.clear();
        const std::string stays = options.resource + " stays on " + sight->host + ": " + why;
        return end(output, there, *sight, there ? options.resource + " runs on " + options.host : stays);
      }
      progress.show(line_of(options.resource, *sight, begun));
    }
    std::this_thread::sleep_for(kAskAgain);
  }
  return output.fail(trouble(kNotAsWished, "it is still under way: haven status", "", ""));
}

}  // namespace

int migrate(const Client& client, const Output& output, const MigrateOptions& options) {
  const std::string before = told_since(client, options.resource, "").last;
  const auto done = client.post("/v1/operator", {{"verb", options.abort ? "stay" : "migrate"},
                                                 {"resource", options.resource},
                                                 {"host", options.host},
                                                 {"by", on_behalf_of()},
                                                 {"force", false},
                                                 {"level", 0},
                                                 {"name", ""}});
  if (!done) return output.fail(done.error());
  if (options.abort || options.no_wait) {
    output.line(text(*done, "text"));
    output.object({{"ok", true}, {"text", text(*done, "text")}});
    return kDone;
  }
  return follow(client, output, options, before);
}

}  // namespace haven::cli
