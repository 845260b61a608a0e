"""A client as the vendor's guide shows it: nothing but requests, base64 and the published facts.

python vendor_client.py URL HASH_ID IMAGE_FILE
"""

import base64
import sys

import requests


def encode_image(path):
    with open(path, "rb") as image_file:
        return "data:image/jpeg;base64," + base64.b64encode(image_file.read()).decode("utf-8")


url, hash_id, image = sys.argv[1:]
print(requests.get(url + "/status_check", timeout=30).text)
payload = {"hash_id": hash_id, "selfie_image": encode_image(image)}
response = requests.post(url + "/liveness", json=payload, timeout=30)
result = response.json()
if "error" in result:
    print("error:", result["error"])
elif result["status"] == "Success":
    verdict = result["deepfake_result"]
    print(verdict["is_deepfake"], verdict["deepfake_score"], verdict["message"])
