// What `make watch` adds to a page on its way to the browser.
(() => {
  const { page, version } = document.currentScript.dataset;
  const banner = document.createElement('pre');
  banner.id = 'watch-trouble';
  banner.setAttribute('role', 'alert');
  banner.style.cssText = 'position: fixed; inset: 0 0 auto 0; z-index: 9999;' +
    'margin: 0; padding: 1em; max-height: 50vh; overflow: auto;' +
    'white-space: pre-wrap; font-size: 14px; background: #8b0000;' +
    'color: #fff; border: 0';
  const show = text => {
    banner.textContent = text;
    banner.hidden = !text;
    banner.style.display = text ? 'block' : 'none';
    if (!banner.isConnected) document.body.append(banner);
  };
  const listen = () => {
    const events = new EventSource('/.watch?' + version + ':' + page);
    events.onmessage = event => {
      const { reload, trouble } = JSON.parse(event.data);
      if (reload) location.reload();
      else show(trouble);
    };
    // The end of `make watch`; the browser asks again by itself.
    events.onerror = () => show('');
    // A page that is left open in a hundred tabs must not keep the server's
    // connections.
    window.addEventListener('pagehide', () => events.close());
  };
  listen();
})();
