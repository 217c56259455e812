#include "sim/scenario.hpp"

#include <algorithm>
#include <set>

#include "core/model/spelling.hpp"
#include "file/quantity.hpp"
#include "sim/scenario_reader.hpp"

namespace haven::sim {
namespace {

class Reader {
 public:
  Reader(const Spec& spec, std::vector<Line> lines, file::Problems& problems)
      : lines_(std::move(lines)), problems_(problems), words_(spec, lines_, problems) {}

  Scenario read() {
    for (Line& line : lines_) read_line(line);
    std::stable_sort(scenario_.statements.begin(), scenario_.statements.end(),
                     [](const Statement& a, const Statement& b) { return a.at < b.at; });
    settle_end();
    return std::move(scenario_);
  }

 private:
  void read_line(Line& line) {
    static const std::vector<std::string> kFirst{"run", "at", "expect", "end"};
    const Word* first = line.take();
    if (first->text == "run") return read_run(line);
    if (first->text == "at") return read_at(line);
    if (first->text == "expect") return read_expect(line);
    if (first->text == "end") return read_end(line);
    const auto near = closest(first->text, kFirst);
    problems_.add(first->at, "no statement begins with \"" + first->text + "\"",
                  near ? *near : "run, at, expect or end");
  }

  void read_run(Line& line) {
    const file::Position where = line.start();
    if (first_at_) problems_.add(where, "a run stands behind an at", "every run before the first at");
    const file::Position named = line.here();
    const auto resource = words_.listed_resource(line);
    const bool on = words_.literal(line, "on");
    const auto host = on ? words_.host(line) : std::nullopt;
    if (!host) return;
    words_.nothing_more(line);
    if (!resource) return;
    if (!running_.insert(*resource).second) {
      problems_.add(named, "\"" + resource->str() + "\" runs somewhere already", "one run for each resource");
      return;
    }
    scenario_.runs.push_back({*resource, *host});
  }

  void read_at(Line& line) {
    first_at_ = true;
    const auto at = words_.duration(line);
    if (!at) return;
    last_ = std::max(last_, *at);
    if (auto deed = read_deed(line, *at, words_)) {
      scenario_.statements.push_back({*at, std::move(*deed), line.start(), line.text()});
    }
    moments_.push_back({*at, line.start()});
  }

  void read_expect(Line& line) {
    auto expectation = read_expectation(line, words_);
    if (!expectation) return;
    expectation->text = line.text();
    if (expectation->by) deadlines_.push_back({*expectation->by, line.start()});
    scenario_.expectations.push_back(std::move(*expectation));
  }

  void read_end(Line& line) {
    if (end_) problems_.add(line.start(), "a second end", "one end");
    const auto end = words_.duration(line);
    if (!end) return;
    words_.nothing_more(line);
    if (!end_) end_ = *end;
  }

  void settle_end() {
    scenario_.end = end_.value_or(last_ + kRunOn);
    const std::string until = "at most " + file::format_duration(scenario_.end);
    for (const auto& [at, where] : moments_) {
      if (at > scenario_.end) problems_.add(where, "this happens after the end", until);
    }
    for (const auto& [by, where] : deadlines_) {
      if (by > scenario_.end) problems_.add(where, "this is expected by a moment after the end", until);
    }
  }

  std::vector<Line> lines_;
  file::Problems& problems_;
  Vocabulary words_;
  Scenario scenario_;
  bool first_at_ = false;
  Duration last_{};
  std::optional<Duration> end_;
  std::set<ResourceName> running_;
  std::vector<std::pair<Duration, file::Position>> moments_, deadlines_;
};

}  // namespace

tl::expected<Scenario, std::vector<file::FileError>> parse_scenario(std::string_view text, const std::string& file_name,
                                                                    const Spec& spec) {
  file::Problems problems(file_name);
  Scenario scenario = Reader(spec, lines_of(text), problems).read();
  if (!problems.empty()) return tl::make_unexpected(problems.in_order());
  return scenario;
}

}  // namespace haven::sim
