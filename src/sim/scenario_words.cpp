#include <algorithm>
#include <charconv>
#include <set>

#include "core/model/spelling.hpp"
#include "core/model/wording.hpp"
#include "file/quantity.hpp"
#include "sim/scenario_reader.hpp"

namespace haven::sim {
namespace {

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

std::string quoted(const std::string& word) { return "\"" + word + "\""; }

std::string listing(const std::vector<std::string>& words) { return listed(words, "or"); }

std::optional<Line> line_of(std::string_view text, int number) {
  std::vector<Word> words;
  int column = 1;
  std::size_t last = 0;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (continues_character(text[i])) {
      if (inside) words.back().text += text[i];
      continue;
    }
    if (blank(text[i])) {
      inside = false;
    } else if (text[i] == '#' && !inside) {
      break;
    } else {
      if (!inside) words.push_back({"", {number, column}});
      inside = true;
      words.back().text += text[i];
      last = i + 1;
    }
    ++column;
  }
  if (words.empty()) return std::nullopt;
  const std::size_t first = text.find(words.front().text);
  while (last < text.size() && continues_character(text[last])) ++last;
  const file::Position end{number, words.back().at.column + static_cast<int>(words.back().text.size())};
  return Line{std::move(words), end, std::string(text.substr(first, last - first))};
}

}  // namespace

bool Line::take_if(std::string_view text) {
  if (peek() == nullptr || peek()->text != text) return false;
  ++next_;
  return true;
}

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (auto line = line_of(text.substr(0, end), number)) lines.push_back(std::move(*line));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Vocabulary::Vocabulary(const Spec& spec, const std::vector<Line>& lines, file::Problems& problems)
    : spec_(spec), problems_(problems) {
  for (const Line& line : lines) {
    const auto& words = line.words();
    if (words.size() < 4 || words[0].text != "at") continue;
    const auto at = file::parse_duration(words[1].text);
    if (!at) continue;
    if (words[2].text == "add") added_.try_emplace(words[3].text, Moment{*at, line.start().line});
    if (words[2].text == "replace" && words.size() > 5 && words[4].text == "with")
      added_.try_emplace(words[5].text, Moment{*at, line.start().line});
    if (words[2].text == "remove") removed_.try_emplace(words[3].text, Moment{*at, line.start().line});
  }
}

std::vector<std::string> Vocabulary::host_names() const {
  std::set<HostName> sorted;
  for (const Host& host : spec_.hosts) sorted.insert(host.name);
  std::vector<std::string> names;
  for (const HostName& name : sorted) names.push_back(name.str());
  return names;
}

std::vector<std::string> Vocabulary::resource_names() const {
  std::set<ResourceName> sorted;
  for (const Resource& resource : spec_.resources) sorted.insert(resource.name);
  for (const auto& [name, when] : added_) sorted.insert(ResourceName{name});
  std::vector<std::string> names;
  for (const ResourceName& name : sorted) names.push_back(name.str());
  return names;
}

bool Vocabulary::witness(std::string_view word) const {
  return !spec_.cluster.witness.empty() && spec_.cluster.witness == word;
}

void Vocabulary::missing(Line& line, const std::string& wanted) {
  wrong(line.here(), "the line ends too early", wanted);
}

void Vocabulary::unknown(const Word& word, const std::string& kind, const std::vector<std::string>& known) {
  constexpr std::size_t kMostShown = 12;
  const auto near = closest(word.text, known);
  std::string wanted;
  if (near) {
    wanted = *near;
  } else if (known.empty()) {
    wanted = "nothing: the cluster has none";
  } else if (known.size() <= kMostShown) {
    wanted = listing(known);
  } else {
    wanted = "one of the cluster's " + std::to_string(known.size());
  }
  wrong(word.at, "there is no " + kind + " " + quoted(word.text), wanted);
}

std::optional<HostName> Vocabulary::host(Line& line) {
  const Word* word = line.take();
  if (word == nullptr) return missing(line, "a host: " + listing(host_names())), std::nullopt;
  if (spec_.host(HostName{word->text}) != nullptr) return HostName{word->text};
  if (witness(word->text)) {
    wrong(word->at, quoted(word->text) + " is the witness: it stands in power, cut and heal only",
          listing(host_names()));
  } else {
    unknown(*word, "host", host_names());
  }
  return std::nullopt;
}

std::optional<HostName> Vocabulary::machine(Line& line) {
  if (line.peek() != nullptr && witness(line.peek()->text)) return HostName{line.take()->text};
  return host(line);
}

std::optional<std::optional<HostName>> Vocabulary::host_or(Line& line, std::string_view everywhere) {
  if (line.take_if(everywhere)) return std::optional<HostName>{};
  const auto name = host(line);
  if (!name) return std::nullopt;
  return std::optional<HostName>{*name};
}

std::optional<std::string> Vocabulary::host_or_resource(Line& line, std::optional<Duration> at) {
  const Word* word = line.peek();
  if (word != nullptr && spec_.host(HostName{word->text}) != nullptr) return line.take()->text;
  const auto name = resource(line, at);
  if (!name) return std::nullopt;
  return name->str();
}

std::optional<ResourceName> Vocabulary::listed_resource(Line& line) {
  const Word* word = line.take();
  if (word == nullptr) return missing(line, "a resource"), std::nullopt;
  if (spec_.resource(ResourceName{word->text}) == nullptr)
    return unknown(*word, "resource", resource_names()), std::nullopt;
  return ResourceName{word->text};
}

std::optional<ResourceName> Vocabulary::resource(Line& line, std::optional<Duration> at) {
  const Word* word = line.take();
  if (word == nullptr) return missing(line, "a resource"), std::nullopt;
  if (spec_.resource(ResourceName{word->text}) != nullptr) return ResourceName{word->text};
  const auto added = added_.find(word->text);
  if (added == added_.end()) return unknown(*word, "resource", resource_names()), std::nullopt;
  const Moment& when = added->second;
  if (at && (when.at > *at || (when.at == *at && when.line > word->at.line))) {
    wrong(word->at, quoted(word->text) + " is only added at " + file::format_duration(when.at), "a later moment");
    return std::nullopt;
  }
  return ResourceName{word->text};
}

std::optional<ResourceName> Vocabulary::new_resource(Line& line, Duration at) {
  const Word* word = line.take();
  if (word == nullptr) return missing(line, "a new resource's name"), std::nullopt;
  const std::string& name = word->text;
  const bool spelled = name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos &&
                       name.front() != '-' && name != "all" && name != "any" && name != "link";
  if (!spelled) {
    wrong(word->at, quoted(name) + " is no name", "[a-z0-9][a-z0-9-]*, but not all, any or link");
    return std::nullopt;
  }
  const auto removed = removed_.find(name);
  const bool gone =
      removed != removed_.end() && std::pair(removed->second.at, removed->second.line) < std::pair(at, word->at.line);
  const auto added = added_.find(name);
  const bool twice = added != added_.end() && added->second.line != word->at.line;
  const bool taken = spec_.resource(ResourceName{name}) != nullptr || twice;
  if ((taken && !gone) || spec_.host(HostName{name}) != nullptr || witness(name)) {
    wrong(word->at, quoted(name) + " is there already", "a name that no host and no resource bears");
    return std::nullopt;
  }
  return ResourceName{name};
}

std::optional<Duration> Vocabulary::duration(Line& line) {
  const Word* word = line.take();
  if (word == nullptr) return missing(line, file::kDurationExamples), std::nullopt;
  const auto parsed = file::parse_duration(word->text);
  if (!parsed) return wrong(word->at, parsed.error(), file::kDurationExamples), std::nullopt;
  return *parsed;
}

std::optional<int> Vocabulary::number(Line& line, int least, int most, const std::string& of_what) {
  const std::string wanted = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  const Word* word = line.take();
  if (word == nullptr) return missing(line, wanted), std::nullopt;
  int value = 0;
  const char* end = word->text.data() + word->text.size();
  const auto [stop, error] = std::from_chars(word->text.data(), end, value);
  if (error != std::errc{} || stop != end || value < least || value > most) {
    wrong(word->at, quoted(word->text) + " is no " + of_what, wanted);
    return std::nullopt;
  }
  return value;
}

std::optional<std::size_t> Vocabulary::one_of(Line& line, const std::vector<std::string>& words) {
  const Word* word = line.take();
  if (word == nullptr) return missing(line, listing(words)), std::nullopt;
  const auto found = std::find(words.begin(), words.end(), word->text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  const auto near = closest(word->text, words);
  wrong(word->at, quoted(word->text) + " cannot stand here", near ? *near : listing(words));
  return std::nullopt;
}

bool Vocabulary::literal(Line& line, const std::string& word) { return one_of(line, {word}).has_value(); }

void Vocabulary::nothing_more(Line& line) {
  if (const Word* word = line.peek())
    wrong(word->at, quoted(word->text) + " is one word too many", "the end of the line");
}

}  // namespace haven::sim
