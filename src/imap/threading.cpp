#include "imap/threading.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <unordered_map>

#include "imap/response.hpp"

namespace pabal::imap {

namespace {

constexpr std::int32_t kNone = -1;

std::size_t at(std::int32_t index) noexcept { return static_cast<std::size_t>(index); }

// Trees whose roots are found in logarithmic time (link-cut trees): letters can claim any chain of references, and each
// new link has to be looked at for a loop.
class Forest {
 public:
  void add() { nodes_.emplace_back(); }

  [[nodiscard]] std::int32_t root_of(std::int32_t node) {
    access(node);
    while (nodes_[at(node)].sides[0] != kNone) node = nodes_[at(node)].sides[0];
    splay(node);
    return node;
  }
  /// `child` is a root, of another tree than `parent`'s.
  void link(std::int32_t child, std::int32_t parent) {
    splay(child);
    nodes_[at(child)].up = parent;
  }
  void cut(std::int32_t child) {
    access(child);
    const auto above = nodes_[at(child)].sides[0];
    if (above == kNone) return;
    nodes_[at(above)].up = kNone;
    nodes_[at(child)].sides[0] = kNone;
  }

 private:
  struct Node {
    std::array<std::int32_t, 2> sides{kNone, kNone};
    std::int32_t up = kNone;
  };
  // Of the splay tree of its path.
  [[nodiscard]] bool is_top(std::int32_t node) const {
    const auto up = nodes_[at(node)].up;
    return up == kNone || (nodes_[at(up)].sides[0] != node && nodes_[at(up)].sides[1] != node);
  }
  void rotate(std::int32_t node) {
    const auto up = nodes_[at(node)].up;
    const auto above = nodes_[at(up)].up;
    const std::size_t side = nodes_[at(up)].sides[1] == node ? 1 : 0;
    const bool top = is_top(up);
    const auto inner = nodes_[at(node)].sides[1 - side];
    nodes_[at(up)].sides[side] = inner;
    if (inner != kNone) nodes_[at(inner)].up = up;
    nodes_[at(node)].sides[1 - side] = up;
    nodes_[at(up)].up = node;
    nodes_[at(node)].up = above;
    if (!top) nodes_[at(above)].sides[nodes_[at(above)].sides[1] == up ? 1 : 0] = node;
  }
  void splay(std::int32_t node) {
    while (!is_top(node)) {
      const auto up = nodes_[at(node)].up;
      if (!is_top(up)) {
        const auto above = nodes_[at(up)].up;
        const bool same = (nodes_[at(up)].sides[1] == node) == (nodes_[at(above)].sides[1] == up);
        rotate(same ? up : node);
      }
      rotate(node);
    }
  }
  void access(std::int32_t node) {
    auto below = kNone;
    for (auto one = node; one != kNone; one = nodes_[at(one)].up) {
      splay(one);
      nodes_[at(one)].sides[1] = below;
      below = one;
    }
    splay(node);
  }

  std::vector<Node> nodes_;
};

}  // namespace

class ThreadMaker {
 public:
  explicit ThreadMaker(const ThreadInput& input) : input_(&input) {}

  Threads by_subject() {
    const auto& messages = input_->messages;
    std::vector<std::uint32_t> order(messages.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    const auto key = [&](std::uint32_t i) {
      return std::tuple(messages[i].subject, messages[i].sent, messages[i].number);
    };
    std::ranges::sort(order, {}, key);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto node = add_node(static_cast<std::int32_t>(order[i]));
      const bool first = i == 0 || messages[order[i - 1]].subject != messages[order[i]].subject;
      if (first) {
        roots_.push_back(node);
      } else {
        add_child(roots_.back(), node);
      }
    }
    // A list that is added to at its front is turned round by the sort.
    sort_all();
    return finish();
  }

  Threads by_references(bool merges_subjects, bool newest_first_key) {
    link_all();
    prune();
    if (merges_subjects) {
      sort_roots();
      merge_subjects();
    }
    sort_all();
    if (newest_first_key) sort_by_newest();
    return finish();
  }

 private:
  struct Node {
    std::int32_t message = kNone;  ///< in the input; none: it isn't there
    std::int32_t parent = kNone;
    std::int32_t first_child = kNone;
    std::int32_t last_child = kNone;
    std::int32_t next = kNone;
  };
  using Key = std::pair<std::int64_t, std::uint32_t>;

  std::int32_t add_node(std::int32_t message) {
    nodes_.push_back({.message = message});
    return static_cast<std::int32_t>(nodes_.size() - 1);
  }
  [[nodiscard]] bool is_missing(std::int32_t node) const { return nodes_[at(node)].message == kNone; }
  [[nodiscard]] const ThreadMessage& message(std::int32_t node) const {
    return input_->messages[at(nodes_[at(node)].message)];
  }
  void add_child(std::int32_t parent, std::int32_t child) { add_children(parent, child, child); }
  // A list of siblings behind the children that are there.
  void add_children(std::int32_t parent, std::int32_t first, std::int32_t last) {
    auto& to = nodes_[at(parent)];
    nodes_[at(last)].next = kNone;
    if (to.first_child == kNone) {
      to.first_child = first;
    } else {
      nodes_[at(to.last_child)].next = first;
    }
    to.last_child = last;
  }

  // RFC 5256 §3, REFERENCES step 1.
  void link_all() {
    const auto& messages = input_->messages;
    const auto most = messages.size() + kMostMissingMessages;
    std::unordered_map<std::uint64_t, std::int32_t> by_id;
    by_id.reserve(messages.size());
    Forest forest;
    const auto make = [&](std::int32_t its) {
      forest.add();
      return add_node(its);
    };
    std::size_t reference = 0;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const auto& one = messages[i];
      auto self = kNone;
      if (one.id != 0) {
        auto [place, fresh] = by_id.try_emplace(one.id, kNone);
        if (fresh) {
          self = place->second = make(static_cast<std::int32_t>(i));
        } else if (is_missing(place->second)) {
          self = place->second;
          nodes_[at(self)].message = static_cast<std::int32_t>(i);
        }
      }
      // Without an identifier, or with one that another message has already, it is one of its own.
      if (self == kNone) self = make(static_cast<std::int32_t>(i));
      auto last = kNone;
      for (const auto end = reference + one.references; reference < end; ++reference) {
        const auto id = input_->references[reference];
        auto found = by_id.find(id);
        if (found == by_id.end()) {
          if (nodes_.size() >= most) continue;
          found = by_id.emplace(id, make(kNone)).first;
        }
        const auto its = found->second;
        if (last != kNone && nodes_[at(its)].parent == kNone && its != last && forest.root_of(last) != its) {
          forest.link(its, last);
          nodes_[at(its)].parent = last;
        }
        last = its;
      }
      set_parent(forest, self, last);
    }
  }

  // Step 1 B: the message itself knows its parent best. A parent that would make a loop is none.
  void set_parent(Forest& forest, std::int32_t self, std::int32_t parent) {
    auto& node = nodes_[at(self)];
    if (parent == self || node.parent == parent) return;
    if (node.parent != kNone) {
      forest.cut(self);
      node.parent = kNone;
    }
    if (parent == kNone || forest.root_of(parent) == self) return;
    forest.link(self, parent);
    node.parent = parent;
  }

  // Steps 2 and 3: children find their way to the nearest ancestor that is there, the deepest first.
  void prune() {
    std::vector<std::uint32_t> waiting(nodes_.size(), 0);  // for how many children
    for (const auto& node : nodes_) {
      if (node.parent != kNone) ++waiting[at(node.parent)];
    }
    std::vector<std::int32_t> ready;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (waiting[i] == 0) ready.push_back(static_cast<std::int32_t>(i));
    }
    for (std::size_t i = 0; i < ready.size(); ++i) {
      const auto self = ready[i];
      const auto parent = nodes_[at(self)].parent;
      const auto first = nodes_[at(self)].first_child;
      const bool only_child = first != kNone && first == nodes_[at(self)].last_child;
      if (parent == kNone) {
        if (!is_missing(self)) {
          roots_.push_back(self);
        } else if (first != kNone) {
          roots_.push_back(only_child ? first : self);
          if (only_child) nodes_[at(self)].first_child = nodes_[at(self)].last_child = kNone;
        }
        continue;
      }
      if (!is_missing(self)) {
        add_child(parent, self);
      } else if (first != kNone) {
        add_children(parent, first, nodes_[at(self)].last_child);
        nodes_[at(self)].first_child = nodes_[at(self)].last_child = kNone;
      }
      if (--waiting[at(parent)] == 0) ready.push_back(parent);
    }
  }

  // The message that speaks for a thread: its first, or the first child of one that isn't there.
  [[nodiscard]] const ThreadMessage& speaker(std::int32_t root) const {
    if (!is_missing(root)) return message(root);
    const ThreadMessage* first = nullptr;
    for (auto child = nodes_[at(root)].first_child; child != kNone; child = nodes_[at(child)].next) {
      const auto& one = message(child);
      if (first == nullptr || key_of(one) < key_of(*first)) first = &one;
    }
    return *first;
  }
  [[nodiscard]] static Key key_of(const ThreadMessage& message) { return {message.sent, message.number}; }

  // Step 4. What speaks for a thread is looked up once each, not in each comparison.
  void sort_roots() {
    std::vector<std::pair<Key, std::int32_t>> keyed;
    keyed.reserve(roots_.size());
    for (const auto root : roots_) keyed.emplace_back(key_of(speaker(root)), root);
    std::ranges::sort(keyed);
    std::ranges::transform(keyed, roots_.begin(), [](const auto& one) { return one.second; });
  }

  // Step 5. One that isn't there is found in the table before any that is: it gathers the others.
  void merge_subjects() {
    struct Entry {
      std::size_t place = 0;  ///< in roots_
      bool reply = false;
    };
    std::unordered_map<std::uint64_t, Entry> table;
    std::vector<std::pair<std::uint64_t, bool>> subjects;  // of each root, and whether it is a reply
    subjects.reserve(roots_.size());
    for (std::size_t i = 0; i < roots_.size(); ++i) {
      const auto& speaks = speaker(roots_[i]);
      subjects.emplace_back(speaks.subject, speaks.reply);
      if (speaks.subject == 0) continue;
      auto [place, fresh] = table.try_emplace(speaks.subject, Entry{i, speaks.reply});
      if (fresh) continue;
      auto& known = place->second;
      const bool known_missing = is_missing(roots_[known.place]);
      if (!known_missing && (is_missing(roots_[i]) || (known.reply && !speaks.reply))) known = {i, speaks.reply};
    }
    for (std::size_t i = 0; i < roots_.size(); ++i) {
      const auto [subject, reply] = subjects[i];
      if (subject == 0) continue;
      auto& known = table.at(subject);
      if (known.place == i) continue;
      const auto other = roots_[known.place];
      const auto self = roots_[i];
      roots_[i] = kNone;
      if (is_missing(other) && is_missing(self)) {
        add_children(other, nodes_[at(self)].first_child, nodes_[at(self)].last_child);
        nodes_[at(self)].first_child = nodes_[at(self)].last_child = kNone;
      } else if (is_missing(other) || (reply && !known.reply)) {
        add_child(other, self);
      } else {
        const auto both = add_node(kNone);
        add_child(both, other);
        add_child(both, self);
        roots_[known.place] = both;
      }
    }
    std::erase(roots_, kNone);
  }

  // Step 6.
  void sort_all() {
    std::vector<std::pair<Key, std::int32_t>> siblings;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].first_child == nodes_[i].last_child) continue;
      siblings.clear();
      for (auto child = nodes_[i].first_child; child != kNone; child = nodes_[at(child)].next) {
        siblings.emplace_back(key_of(speaker(child)), child);
      }
      std::ranges::sort(siblings);
      nodes_[i].first_child = nodes_[i].last_child = kNone;
      for (const auto& [key, child] : siblings) add_child(static_cast<std::int32_t>(i), child);
    }
    sort_roots();
  }

  // REFS: the thread that had a letter last comes last.
  void sort_by_newest() {
    std::vector<std::tuple<std::int64_t, std::uint32_t, std::int32_t>> keyed;
    std::vector<std::int32_t> open;
    for (const auto root : roots_) {
      std::pair<std::int64_t, std::uint32_t> newest{INT64_MIN, 0};
      open.assign(1, root);
      while (!open.empty()) {
        const auto node = open.back();
        open.pop_back();
        if (!is_missing(node)) newest = std::max(newest, std::pair(message(node).received, message(node).number));
        for (auto child = nodes_[at(node)].first_child; child != kNone; child = nodes_[at(child)].next) {
          open.push_back(child);
        }
      }
      keyed.emplace_back(newest.first, newest.second, root);
    }
    std::ranges::sort(keyed);
    std::ranges::transform(keyed, roots_.begin(), [](const auto& one) { return std::get<2>(one); });
  }

  Threads finish() {
    Threads threads;
    threads.nodes_.reserve(nodes_.size());
    for (const auto& node : nodes_) {
      threads.nodes_.push_back({.number = node.message == kNone ? 0 : input_->messages[at(node.message)].number,
                                .first_child = node.first_child,
                                .next = node.next});
    }
    threads.roots_ = std::move(roots_);
    return threads;
  }

  const ThreadInput* input_;
  std::vector<Node> nodes_;
  std::vector<std::int32_t> roots_;
};

Threads Threads::make(ThreadAlgorithm algorithm, const ThreadInput& input) {
  ThreadMaker maker(input);
  switch (algorithm) {
    case ThreadAlgorithm::ordered_subject:
      return maker.by_subject();
    case ThreadAlgorithm::references:
      return maker.by_references(true, false);
    case ThreadAlgorithm::refs:
      break;
  }
  return maker.by_references(false, true);
}

void Threads::take(Step step, std::string& out) {
  if (step.kind == Step::Kind::close) {
    out += ')';
    return;
  }
  if (step.kind == Step::Kind::open) {
    out += '(';
    steps_.push_back({Step::Kind::close, none});
  } else {
    out += ' ';
  }
  const auto& node = nodes_[at(step.node)];
  if (node.number != 0) append_number(out, node.number);
  if (node.first_child == none) return;
  const bool one = nodes_[at(node.first_child)].next == none;
  if (one && node.number != 0) {
    steps_.push_back({Step::Kind::follow, node.first_child});
    return;
  }
  if (node.number != 0) out += ' ';
  children_.clear();
  for (auto child = node.first_child; child != none; child = nodes_[at(child)].next) children_.push_back(child);
  for (std::size_t i = children_.size(); i > 0; --i) steps_.push_back({Step::Kind::open, children_[i - 1]});
}

bool Threads::print(std::string& out, std::size_t enough) {
  while (out.size() < enough) {
    if (steps_.empty()) {
      if (printed_ == roots_.size()) return true;
      steps_.push_back({Step::Kind::open, roots_[printed_++]});
    }
    const auto step = steps_.back();
    steps_.pop_back();
    take(step, out);
  }
  return steps_.empty() && printed_ == roots_.size();
}

}  // namespace pabal::imap
