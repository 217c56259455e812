// A guest replaced by another one, taken back, or for good: followed until the links have changed hands. Whatever ends
// this command, the cluster goes on; only what is stopped for good is taken out of the file by whoever waited for it.
#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "cli/answer.hpp"
#include "cli/commands.hpp"
#include "cli/progress.hpp"
#include "daemon/boot.hpp"
#include "daemon/domain_text.hpp"

namespace haven::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kAskAgain = std::chrono::milliseconds(200);
// A havend that restarts in the middle is waited for.
constexpr auto kSilence = std::chrono::seconds(30);
// Beyond the time in which the new one has to prove itself: for a host to be proved dead, and for a guest to stop.
constexpr auto kPatience = std::chrono::minutes(10);
const char* const kLeave = " (Ctrl-C leaves it to itself)";

// How far the replacement of a resource is.
struct Stage {
  std::string predecessor, successor, phase, why;
  std::string old_state, state, state_why;  // of the two
};

// nullopt: nothing replaces it.
tl::expected<std::optional<Stage>, Trouble> look(const Client& client, const std::string& resource) {
  const auto status = client.get("/v1/status");
  if (!status) return tl::unexpected(status.error());
  std::optional<Stage> stage;
  for (const Json& one : list(*status, "resources")) {
    const auto found = one.find("replacement");
    if (found == one.end() || !found->is_object()) continue;
    if (text(*found, "predecessor") != resource && text(*found, "successor") != resource) continue;
    if (!stage)
      stage = Stage{text(*found, "predecessor"),
                    text(*found, "successor"),
                    text(*found, "phase"),
                    text(*found, "why"),
                    "",
                    "",
                    ""};
    const bool is_old = text(one, "name") == stage->predecessor;
    (is_old ? stage->old_state : stage->state) = text(one, "state");
    if (!is_old) stage->state_why = text(one, "why");
  }
  return stage;
}

int ends(const Output& output, bool as_wished, const Stage& stage, const std::string& words) {
  output.line(words);
  output.object({{"ok", as_wished},
                 {"phase", stage.phase},
                 {"predecessor", stage.predecessor},
                 {"successor", stage.successor},
                 {"why", stage.why},
                 {"text", words}});
  return as_wished ? kDone : kNotAsWished;
}

std::string line_of(const Stage& stage, Clock::time_point begun) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begun).count();
  const std::string what = stage.phase == "proving"     ? stage.successor + " proves itself"
                           : stage.phase == "handing"   ? "the links go over to " + stage.successor
                           : stage.phase == "recalling" ? stage.predecessor + " starts for the way back"
                           : stage.phase == "returning" ? "the links go back to " + stage.predecessor
                           : stage.phase == "finishing" ? stage.predecessor + " stops"
                                                        : stage.successor + " stops";
  return what + ", " + std::to_string(seconds) + " s" + kLeave;
}

// Until `arrived` says so; the failure is told already.
template <class Arrived>
tl::expected<Stage, int> follow(const Client& client, const Output& output, const std::string& resource,
                                Duration patience, Arrived arrived) {
  const auto begun = Clock::now();
  auto heard = begun;
  Progress progress(output);
  while (Clock::now() < begun + patience) {
    const auto stage = look(client, resource);
    if (!stage && (!stage.error().unreachable || Clock::now() > heard + kSilence))
      return tl::unexpected(output.fail(stage.error()));
    if (stage && !*stage)
      return tl::unexpected(
          output.fail(trouble(kNotAsWished, "nothing replaces " + resource + " any more: somebody else ended it", "",
                              "haven journal " + resource)));
    if (stage) {
      heard = Clock::now();
      if (arrived(**stage)) return **stage;
      progress.show(line_of(**stage, begun));
    }
    std::this_thread::sleep_for(kAskAgain);
  }
  return tl::unexpected(output.fail(
      trouble(kNotAsWished, "it is still under way", "", "haven status, and the same command again to wait on")));
}

// The one that is left behind has stopped: it leaves the file.
int clear_away(const Client& client, const Output& output, const Stage& stage, bool as_wished,
               const std::string& words) {
  const std::string& left = stage.phase == "finishing" ? stage.old_state : stage.state;
  const auto until = Clock::now() + kPatience;
  Progress progress(output);
  std::string state = left;
  while (Clock::now() < until) {
    const auto done = client.post("/v1/replace/end", {{"resource", stage.predecessor}, {"by", on_behalf_of()}});
    if (done) {
      progress.clear();
      for (const Json& warning : list(*done, "warnings")) output.line("warning: " + warning.get<std::string>());
      return ends(output, as_wished, stage, words);
    }
    const auto now = look(client, stage.predecessor);
    if (now && !*now) return ends(output, as_wished, stage, words);  // somebody else was faster
    progress.show(line_of(stage, until - kPatience));
    std::this_thread::sleep_for(kAskAgain);
  }
  return output.fail(trouble(kNotAsWished, words + "; what is left behind has not stopped", "",
                             "haven status, and the same command again"));
}

int follow_there(const Client& client, const Output& output, const ReplaceOptions& options, Duration patience) {
  const auto stage = follow(client, output, options.resource, patience, [](const Stage& s) {
    return s.phase == "settling" || s.phase == "kept" || s.phase == "over" || s.phase == "finishing";
  });
  if (!stage) return stage.error();
  if (stage->phase == "over")
    return clear_away(client, output, *stage, false,
                      stage->successor + " does not replace " + stage->predecessor + ", which serves as before" +
                          (stage->why.empty() ? "" : ": " + stage->why));
  return ends(output, true, *stage,
              stage->successor + " serves in place of " + stage->predecessor + "; haven replace " + stage->predecessor +
                  " --back takes it back, --finish is for good");
}

int begin(const Client& client, const Output& output, const ReplaceOptions& options) {
  const auto xml = daemon::read_file(options.with);
  if (!xml) return output.fail(trouble(kBadInput, xml.error(), "", "the path of a libvirt domain XML"));
  const auto domain = daemon::domain_text(*xml);
  if (!domain) return output.fail(trouble(kBadInput, options.with + ": " + domain.error(), "", "a libvirt domain XML"));
  const auto prove = read_time(output, "--prove", options.prove);
  const auto settle = prove ? read_time(output, "--settle", options.settle) : prove;
  const auto limit = settle ? read_time(output, "--timeout", options.timeout) : settle;
  if (!limit) return limit.error();
  if (*limit <= *prove)
    return output.fail(trouble(kBadInput, "--timeout is no longer than --prove", "",
                               "more time than it is to prove itself for, as --prove 30s --timeout 10m"));
  const auto ms = [](Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); };
  const std::string name = options.name.empty() ? domain->name : options.name;
  const auto begun = client.post("/v1/replace", {{"resource", options.resource},
                                                 {"name", name},
                                                 {"path", options.with},
                                                 {"xml", *xml},
                                                 {"prove_ms", ms(*prove)},
                                                 {"settle_ms", ms(*settle)},
                                                 {"timeout_ms", ms(*limit)},
                                                 {"unprotected", options.unprotected},
                                                 {"by", on_behalf_of()}});
  if (!begun) return output.fail(begun.error());
  for (const Json& warning : list(*begun, "warnings")) output.line("warning: " + warning.get<std::string>());
  output.line(name + " is in the file, and is to prove itself for " + options.resource);
  if (options.no_wait) {
    output.object({{"ok", true}, {"phase", "proving"}, {"predecessor", options.resource}, {"successor", name}});
    return kDone;
  }
  return follow_there(client, output, options, *limit + *limit + kPatience);
}

int end(const Client& client, const Output& output, const ReplaceOptions& options) {
  const auto said = client.post(
      "/v1/operator",
      {{"verb", options.back ? "hand_back" : "hand_finish"}, {"resource", options.resource}, {"by", on_behalf_of()}});
  if (!said) return output.fail(said.error());
  if (options.no_wait) {
    output.line(text(*said, "text"));
    output.object({{"ok", true}, {"text", text(*said, "text")}});
    return kDone;
  }
  const std::string wanted = options.back ? "over" : "finishing";
  const auto stage = follow(client, output, options.resource, kPatience, [&](const Stage& s) {
    // The way back may fail: the old one does not start any more.
    return s.phase == wanted || (options.back && s.phase == "kept" && !s.why.empty());
  });
  if (!stage) return stage.error();
  if (stage->phase != wanted) return ends(output, false, *stage, stage->successor + " serves on: " + stage->why);
  const std::string words = options.back
                                ? stage->predecessor + " serves again; " + stage->successor + " has left the file"
                                : stage->successor + " has replaced " + stage->predecessor +
                                      "; in your cluster file, put its name and its domain in place of " +
                                      stage->predecessor + "'s (haven diff FILE shows what is missing)";
  return clear_away(client, output, *stage, true, words);
}

}  // namespace

int replace(const Client& client, const Output& output, const ReplaceOptions& options) {
  const int modes = (options.with.empty() ? 0 : 1) + (options.back ? 1 : 0) + (options.finish ? 1 : 0);
  if (modes != 1)
    return output.fail(trouble(kBadInput,
                               modes == 0 ? "it is not said what is to be done" : "only one can be done at a time", "",
                               "one of --with NEW.xml, --back and --finish"));
  return options.with.empty() ? end(client, output, options) : begin(client, output, options);
}

}  // namespace haven::cli
