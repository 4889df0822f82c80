// @ts-check
/** The chat's connection, opened by a ticket that is used once and stands in no address. */
import { socketAddress, StreamClient } from "stream_client";
import { visitorApi } from "widget_api";

const SUBPROTOCOL = "parley.widget";
const CLOSE_CODES = /** @type {Record<number, number>} */ ({ 401: 4401, 403: 4401, 429: 4429 });

export class WidgetClient extends StreamClient {
  async openSocket() {
    try {
      return new WebSocket(socketAddress("/ws/widget/"), [SUBPROTOCOL, await visitorApi.ticket()]);
    } catch (error) {
      throw { closeCode: CLOSE_CODES[/** @type {any} */ (error).status] };
    }
  }
}
