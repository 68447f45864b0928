// Sends one photo at a time and tries again when the connection breaks. Without this file the form goes as it is.
(function () {
  'use strict';
  var TRIES = 3, WAIT = 2000, LONGEST = 120000;

  function say(status, word) { status.textContent = status.getAttribute('data-' + word); }

  function send(form, status, button, left) {
    var request = new XMLHttpRequest();
    request.open('POST', form.action || window.location.href);
    request.setRequestHeader('X-Requested-With', 'XMLHttpRequest');
    request.timeout = LONGEST;
    say(status, 'sending');
    request.upload.onprogress = function (event) {
      if (event.lengthComputable) {
        status.textContent = status.getAttribute('data-sending') + ' ' + Math.round(100 * event.loaded / event.total) + '%';
      }
    };
    request.onload = function () {
      if (request.status >= 500 && left > 1) { again(); return; }
      show(request);
    };
    request.onerror = request.ontimeout = function () {
      if (left > 1) { again(); return; }
      say(status, 'failed');
      button.disabled = false;
    };
    function again() {
      say(status, 'again');
      setTimeout(function () { send(form, status, button, left - 1); }, WAIT);
    }
    request.send(new FormData(form));
  }

  // The answer is the whole page: put its parts in place of ours, and focus what a reader should hear.
  function show(request) {
    var page = new DOMParser().parseFromString(request.responseText, 'text/html');
    var fresh = page.getElementById('contenido'), here = document.getElementById('contenido');
    if (!fresh) { window.location.reload(); return; }
    here.replaceWith(document.adoptNode(fresh));
    document.title = page.title;
    var told = fresh.querySelector('[data-error-summary]') || fresh.querySelector('.notice[role]');
    if (told) { told.setAttribute('tabindex', '-1'); told.focus(); }
  }

  document.addEventListener('submit', function (event) {
    var form = event.target;
    if (!form.hasAttribute('data-upload') || !window.FormData || !window.DOMParser) { return; }
    event.preventDefault();
    event.stopPropagation();
    var button = form.querySelector('[type=submit]');
    button.disabled = true;
    send(form, form.querySelector('[data-upload-status]'), button, TRIES);
  }, true);
})();
