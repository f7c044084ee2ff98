// Intrusive lists: the links live in the element, so nothing is allocated.
#pragma once
#include <cstddef>

#include "base/check.h"

namespace pinion {

// First in, first out; T has a member `T* next`.
template <class T>
class Fifo {
 public:
  bool empty() const { return head_ == nullptr; }
  T* front() const { return head_; }
  T* back() const { return head_ == nullptr ? nullptr : tail_; }
  void push(T* item) {
    item->next = nullptr;
    if (head_ == nullptr) {
      head_ = item;
    } else {
      STACK_DCHECK(tail_ != nullptr);
      tail_->next = item;
    }
    tail_ = item;
  }
  T* pop() {
    T* item = head_;
    if (item != nullptr) head_ = item->next;
    return item;
  }
  // Takes over all that the other holds.
  void append(Fifo& other) {
    if (other.head_ == nullptr) return;
    if (head_ == nullptr) head_ = other.head_;
    else tail_->next = other.head_;
    tail_ = other.tail_;
    other.head_ = nullptr;
  }

 private:
  T* head_ = nullptr;
  T* tail_ = nullptr;
};

// Link of a List; an element may be on several lists through several links.
template <class T>
struct Link {
  T* previous = nullptr;
  T* next = nullptr;
  bool linked = false;
};

// Doubly linked: an element can leave from the middle.
template <class T, Link<T> T::*kLink>
class List {
 public:
  bool empty() const { return head_ == nullptr; }
  T* front() const { return head_; }
  T* back() const { return tail_; }
  size_t size() const { return size_; }
  static T* next(const T* item) { return (item->*kLink).next; }
  static T* previous(const T* item) { return (item->*kLink).previous; }
  static bool contains(const T* item) { return (item->*kLink).linked; }
  void push_back(T* item) {
    Link<T>& link = item->*kLink;
    link = {tail_, nullptr, true};
    if (tail_ != nullptr) (tail_->*kLink).next = item;
    else head_ = item;
    tail_ = item, ++size_;
  }
  // `at` is on the list.
  void insert_after(T* at, T* item) {
    T* next = (at->*kLink).next;
    if (next == nullptr) return push_back(item);
    item->*kLink = {at, next, true};
    (at->*kLink).next = (next->*kLink).previous = item;
    ++size_;
  }
  void remove(T* item) {
    Link<T>& link = item->*kLink;
    if (!link.linked) return;
    if (link.previous != nullptr) (link.previous->*kLink).next = link.next;
    else head_ = link.next;
    if (link.next != nullptr) (link.next->*kLink).previous = link.previous;
    else tail_ = link.previous;
    link = {}, --size_;
  }
  T* pop_front() {
    T* item = head_;
    if (item != nullptr) remove(item);
    return item;
  }

 private:
  T* head_ = nullptr;
  T* tail_ = nullptr;
  size_t size_ = 0;
};

}  // namespace pinion
