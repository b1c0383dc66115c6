package hub.bench;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** A 64-bit hash of bytes, to tell a repeat from a reused id. */
final class Hash {
    private static final VarHandle WORDS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long FACTOR_A = 0x9E3779B97F4A7C15L;
    private static final long FACTOR_B = 0xC2B2AE3D27D4EB4FL;

    private Hash() {
    }

    static long of(byte[] bytes, int start, int end) {
        long hash = (end - start) * FACTOR_A;
        int at = start;
        for (; at + Long.BYTES <= end; at += Long.BYTES) {
            hash = add(hash, (long) WORDS.get(bytes, at));
        }
        for (; at < end; at++) {
            hash = add(hash, bytes[at]);
        }
        hash ^= hash >>> 29;
        hash *= FACTOR_B;
        return hash ^ hash >>> 32;
    }

    static long add(long hash, long word) {
        return Long.rotateLeft(hash ^ word * FACTOR_A, 29) * FACTOR_B;
    }
}
