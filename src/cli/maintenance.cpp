// A host out of service and back, and the wait for its moves.
#include <chrono>
#include <iostream>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "cli/answer.hpp"
#include "cli/commands.hpp"
#include "cli/moving.hpp"
#include "cli/progress.hpp"
#include "core/model/wording.hpp"

namespace haven::cli {
namespace {

// havend answers from its view, which costs the engine nothing.
constexpr std::chrono::milliseconds kAskAgain{500};
// Where nothing moves for this long, whoever waits is told what is left.
constexpr std::chrono::minutes kPatience{10};

// What is still to move; nullopt: the host is not what it was told to be, or nothing is known of it.
std::optional<std::set<std::string>> left_of(const Json& status, const MaintenanceOptions& options) {
  for (const Json& host : status.at("hosts")) {
    if (host.at("name") != options.host) continue;
    std::set<std::string> left;
    const Json& maintenance = host.at("maintenance");
    const bool is_on = !maintenance.is_null() && maintenance.at("on").get<bool>();
    if (is_on != options.on) return std::nullopt;
    if (maintenance.is_null()) return left;
    for (const Json& name : maintenance.at("left")) left.insert(name.get<std::string>());
    return left;
  }
  return std::nullopt;
}

// Those of them that are under way, and how far.
std::string under_way(const Json& status, const std::set<std::string>& left) {
  std::string words;
  for (const Json& resource : list(status, "resources")) {
    const std::string name = text(resource, "name");
    const std::string moving = left.contains(name) ? moving_words(resource) : "";
    if (!moving.empty()) words += (words.empty() ? "" : "; ") + name + " " + moving;
  }
  return words;
}

int ends(const Output& output, const MaintenanceOptions& options, const std::set<std::string>& left,
         const Json& warnings) {
  output.object(
      {{"ok", left.empty()}, {"host", options.host}, {"on", options.on}, {"left", left}, {"warnings", warnings}});
  if (left.empty()) {
    output.line(options.on ? options.host + " is out of service: nothing runs there" : options.host + " is in service");
    return kDone;
  }
  output.line((options.on ? "still on " + options.host + ": " : "not back on " + options.host + ": ") +
              listed({left.begin(), left.end()}) + " (haven journal tells why)");
  return kNotAsWished;
}

}  // namespace

int maintenance(const Client& client, const Output& output, const MaintenanceOptions& options) {
  const auto said = client.post("/v1/operator", {{"verb", options.on ? "maintain" : "resume"},
                                                 {"host", options.host},
                                                 {"by", on_behalf_of()},
                                                 {"force", options.force},
                                                 {"unprotected", options.unprotected}});
  if (!said) return output.fail(said.error());
  const Json warnings = said->value("warnings", Json::array());
  for (const Json& warning : warnings) output.line("warning: " + warning.get<std::string>());
  Progress progress(output);
  std::optional<std::set<std::string>> before;
  auto until = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    const auto status = client.get("/v1/status");
    progress.clear();
    if (!status) return output.fail(status.error());
    const auto left = left_of(*status, options);
    if (!left) {
      const std::string now =
          options.host + (options.on ? " is not in maintenance any more" : " is in maintenance again");
      return output.fail(trouble(kNotAsWished, now + ": somebody else said so", "", ""));
    }
    if (before) {
      for (const std::string& name : *before)
        if (!left->contains(name)) output.line(name + (options.on ? " has moved" : " is back"));
    } else if (!left->empty()) {
      output.line((options.on ? "to move: " : "to return: ") + listed({left->begin(), left->end()}));
    }
    std::cout << std::flush;
    const auto now = std::chrono::steady_clock::now();
    if (left != before) until = now + kPatience;
    if (left->empty() || !options.wait || now >= until) return ends(output, options, *left, warnings);
    if (const std::string stage = under_way(*status, *left); !stage.empty()) progress.show(stage);
    before = left;
    std::this_thread::sleep_for(kAskAgain);
  }
}

}  // namespace haven::cli
