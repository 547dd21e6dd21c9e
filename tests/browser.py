"""A browser for tests: Chromium, headless, through chromedriver and the WebDriver protocol (W3C), with nothing but Python's
own library.

    with Browser() as b:                  raises Absent where there is no chromedriver or no Chromium
        b.open('page.html')
        b.run('return document.title')
        b.hover('.word')                  CSS selectors
        b.keys('#filter', 'dog')
        b.complaints()                    what the console has said since, errors and warnings
"""
import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'  # the key of elements, by the standard
ENTER, ESCAPE, TAB, LEFT, RIGHT = '\ue007', '\ue00c', '\ue004', '\ue012', '\ue014'
PAGE_UP, PAGE_DOWN = '\ue00e', '\ue00f'


class Absent(Exception):
    pass


def _free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Browser:
    def __init__(self, width=1400, height=1000):
        driver = shutil.which('chromedriver')
        chromium = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
        if not driver or not chromium:
            raise Absent('there is no chromedriver or no Chromium')
        self.folder = tempfile.mkdtemp()
        self.port = _free_port()
        self.driver = subprocess.Popen([driver, f'--port={self.port}'], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, start_new_session=True)
        self.session = None
        self.width, self.height = width, height
        arguments = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars',
                     f'--user-data-dir={self.folder}', f'--window-size={width},{height}']
        wish = {'capabilities': {'alwaysMatch': {
            'browserName': 'chrome',
            'goog:loggingPrefs': {'browser': 'ALL'},
            'goog:chromeOptions': {'binary': chromium, 'args': arguments}}}}
        for _ in range(100):
            try:
                if self._call('GET', '/status')['ready']:
                    break
            except OSError:
                time.sleep(0.1)
        try:
            self.session = self._call('POST', '/session', wish)['sessionId']
        except Exception:
            self.close()
            raise
        self.resize(width, height)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.session:
            try:
                self._call('DELETE', f'/session/{self.session}')
            except OSError:
                pass
        self.driver.terminate()
        self.driver.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _call(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f'http://127.0.0.1:{self.port}{path}', data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)['value']
        except urllib.error.HTTPError as e:
            raise RuntimeError(json.load(e)['value']['message']) from None

    def call(self, path, body=None):
        return self._call('POST', f'/session/{self.session}{path}', body or {})

    def cdp(self, command, **parameters):
        """A command of the developer tools' protocol."""
        return self.call('/goog/cdp/execute', {'cmd': command, 'params': parameters})

    def resize(self, width, height, mobile=False):
        self.cdp('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def dark(self, on):
        value = 'dark' if on else 'light'
        self.cdp('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': value}])

    def open(self, path):
        self.call('/url', {'url': path if '://' in path else 'file://' + os.path.abspath(path)})

    def run(self, script, *arguments):
        return self.call('/execute/sync', {'script': script, 'args': list(arguments)})

    def find(self, selector, number=0):
        found = self.call('/elements', {'using': 'css selector', 'value': selector})
        if len(found) <= number:
            raise AssertionError(f"there is no {number + 1}. '{selector}' on the page")
        return found[number]

    def hover(self, selector, number=0):
        self._pointer(self.find(selector, number))

    def click(self, selector, number=0):
        self._pointer(self.find(selector, number), press=True)

    def tap(self, selector, number=0):
        self._pointer(self.find(selector, number), press=True, kind='touch')

    def away(self):
        """The mouse to the upper left corner."""
        self._actions([{'type': 'pointerMove', 'duration': 0, 'x': 1, 'y': 1}])

    def _pointer(self, element, press=False, kind='mouse'):
        self.run('arguments[0].scrollIntoView({block: "center"})', element)
        steps = [{'type': 'pointerMove', 'duration': 0, 'origin': element, 'x': 0, 'y': 0}]
        if press:
            steps += [{'type': 'pointerDown', 'button': 0}, {'type': 'pointerUp', 'button': 0}]
        self._actions(steps, kind)

    def _actions(self, steps, kind='mouse'):
        self.call('/actions', {'actions': [{'type': 'pointer', 'id': kind, 'parameters': {'pointerType': kind},
                                            'actions': steps}]})

    def keys(self, selector, keys, number=0):
        self.call(f'/element/{self.find(selector, number)[ELEMENT]}/value', {'text': keys})

    def type(self, keys):
        """To whatever has the focus."""
        steps = [{'type': kind, 'value': k} for k in keys for kind in ('keyDown', 'keyUp')]
        self.call('/actions', {'actions': [{'type': 'key', 'id': 'keyboard', 'actions': steps}]})

    def complaints(self):
        log = self._call('POST', f'/session/{self.session}/se/log', {'type': 'browser'})
        ours = 'willReadFrequently'  # what tests ask of a canvas, pages do not
        return [e['message'] for e in log if e['level'] in ('SEVERE', 'WARNING') and ours not in e['message']]

    def screenshot(self, path=None):
        png = base64.b64decode(self._call('GET', f'/session/{self.session}/screenshot'))
        if path:
            with open(path, 'wb') as f:
                f.write(png)
        return png

    def pdf(self, path):
        printed = self.call('/print', {'background': True})
        with open(path, 'wb') as f:
            f.write(base64.b64decode(printed))
