// Videos of one stimulus, side by side, that show the same moment.

export class Player {
  /** `onFrame(index)` is told of the frame that is shown. */
  constructor(onFrame) {
    Object.assign(this, {onFrame, videos: [], times: [0], index: 0, isPlaying: false, wanted: null});
  }

  /** Take videos whose frames appear at `times`; the first leads, and is heard. */
  take(videos, times, index) {
    this.pause();
    Object.assign(this, {videos, times, wanted: null});
    videos.forEach((video, number) => {
      video.muted = number > 0;
      video.addEventListener('seeked', () => this.follow(video));
      video.addEventListener('loadeddata', () => this.follow(video));
    });
    videos[0]?.addEventListener('ended', () => this.pause());
    this.show(index);
  }

  /** The middle of a frame's time: browsers round. */
  middle(index) {
    const next = this.times[index + 1] ?? 2 * this.times[index] - (this.times[index - 1] ?? -0.04);
    return (this.times[index] + next) / 2;
  }

  show(index) {
    this.pause();
    this.index = Math.max(0, Math.min(this.times.length - 1, index));
    this.wanted = this.middle(this.index);
    this.videos.forEach(video => this.follow(video));
    this.onFrame(this.index);
  }

  /** Bring a video to the moment that is wanted; one that is under way goes on when it is there. */
  follow(video) {
    if (this.wanted === null || video.seeking || video.readyState < 1) return;
    if (Math.abs(video.currentTime - this.wanted) > 1e-3) video.currentTime = this.wanted;
  }

  async play() {
    const atEnd = this.index === this.times.length - 1;
    this.wanted = null;
    this.isPlaying = true;
    for (const video of this.videos) {
      video.currentTime = atEnd ? 0 : this.times[this.index];
      try { await video.play(); } catch { this.pause(); }
    }
    const step = () => {
      if (!this.isPlaying) return;
      const now = this.videos[0].currentTime;
      const after = this.times.findIndex(time => time > now + 1e-3);
      this.index = after < 0 ? this.times.length - 1 : Math.max(0, after - 1);
      for (const video of this.videos.slice(1)) {
        if (Math.abs(video.currentTime - now) > 0.15) video.currentTime = now;
      }
      this.onFrame(this.index);
      requestAnimationFrame(step);
    };
    step();
  }

  pause() {
    const wasPlaying = this.isPlaying;
    this.isPlaying = false;
    this.videos.forEach(video => video.pause());
    if (wasPlaying) this.onFrame(this.index);
  }
}
