package io.ictus;

/** A call of libictus answered with another status than 0. */
public final class IctusException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final int status;

  IctusException(int status, String text) {
    super(text);
    this.status = status;
  }

  /** The number, as {@code ictus.h} has it. */
  public int status() {
    return status;
  }
}
