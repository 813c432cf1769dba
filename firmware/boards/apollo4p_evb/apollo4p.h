/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registers of the Ambiq Apollo4 Plus (AMAP42KK-KBR) and pads of its evaluation board, as far as
 * this port uses them. Section numbers are those of "Register facts" in docs/apollo4.md, which
 * names the public source of each and how far to trust it.
 */
#ifndef APOLLO4P_H
#define APOLLO4P_H

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))

/* 1. Memory: reading here waits until all writes to peripherals have arrived. */
#define SYNC_READ REG(0x47FF0000u)

/* 2. Interrupts */
#define INTERRUPTS 84u
#define UART0_IRQ 15u
#define PDM0_IRQ 48u

/*
 * 4. Power control. Enable, poll the status, only then touch the block: a block without power
 * answers with a bus fault.
 */
#define PWRCTRL_MCUPERFREQ REG(0x40021000u)
#define MCUPERFREQ_LP 1u /* 96 MHz */
#define MCUPERFREQ_HP 2u /* 192 MHz */
#define MCUPERFREQ_ACK (1u << 2)
#define MCUPERFREQ_STATUS(word) ((word) >> 3 & 3u)
#define PWRCTRL_DEVPWREN REG(0x40021004u)
#define PWRCTRL_DEVPWRSTATUS REG(0x40021008u)
#define DEVPWR_UART0 (1u << 9)
#define PWRCTRL_AUDSSPWREN REG(0x4002100Cu)
#define PWRCTRL_AUDSSPWRSTATUS REG(0x40021010u)
#define AUDSSPWR_PDM0 (1u << 2)
#define PWRCTRL_SSRAMPWREN REG(0x40021024u)
#define PWRCTRL_SSRAMPWRST REG(0x40021028u)
#define SSRAM0 1u
#define PWRCTRL_VRCTRL REG(0x40021100u)
#define VRCTRL_SIMOBUCKEN 1u
#define PWRCTRL_VRSTATUS REG(0x40021108u)
#define VRSTATUS_SIMOBUCK(word) ((word) >> 4 & 3u)
#define SIMOBUCK_ACTIVE 3u

/* 5. Clocks: taps of the 96 MHz oscillator (HFRC) that do not follow the processor's clock. */
#define LOW_POWER_HZ 96000000u
#define HIGH_PERFORMANCE_HZ 192000000u

/* 6. SIMO buck and 192 MHz (MCUCTRL) */
#define MCUCTRL_SKU REG(0x40020014u)
#define SKU_TURBOSPOT (1u << 6)
#define MCUCTRL_VRCTRL REG(0x40020060u)
#define MCUCTRL_D2ASPARE REG(0x400201B0u)
#define D2ASPARE_VDDC_LV (3u << 3)
#define MCUCTRL_SIMOBUCK0 REG(0x4002033Cu) /* write only */
#define MCUCTRL_SIMOBUCK3 REG(0x40020348u)
#define MCUCTRL_SIMOBUCK8 REG(0x4002035Cu)
#define MCUCTRL_SIMOBUCK13 REG(0x40020370u)
#define SIMOBUCK13_ACTTRIMVDDS (0x3Fu << 20)
#define MCUCTRL_SIMOBUCK15 REG(0x40020378u)
#define SIMOBUCK15_TRIMLATCHOVER (1u << 31)
#define MCUCTRL_PWRSW1 REG(0x40020380u)
#define INFO1_TRIM_REV REG(0x42003310u)

/* 7. Pads. Their configuration takes writes only while PADKEY holds the key. */
#define GPIO_PINCFG(pad) REG(0x40010000u + 4u * (pad))
#define GPIO_PADKEY REG(0x40010200u)
#define PADKEY_OPEN 0x73u
#define GPIO_SET(pad) REG(0x40010224u + (pad) / 32u * 4u)
#define GPIO_CLEAR(pad) REG(0x40010234u + (pad) / 32u * 4u)
#define GPIO_ENABLE(pad) REG(0x40010254u + (pad) / 32u * 4u)
#define GPIO_INTEN(pad) REG(0x400102C0u + (pad) / 32u * 16u)
#define GPIO_INTSTAT(pad) REG(0x400102C4u + (pad) / 32u * 16u)
#define GPIO_INTCLR(pad) REG(0x400102C8u + (pad) / 32u * 16u)
#define PAD_BIT(pad) (1u << (pad) % 32u)
#define PAD_UART0_TX 60u
#define PAD_UART0_TX_WORD 0x404u
#define PAD_UART0_RX 47u
#define PAD_UART0_RX_WORD 0x14u
#define PAD_PDM0_CLK 50u
#define PAD_PDM0_DATA 51u
#define PAD_PDM0_WORD 0x400u
#define PAD_LED0 90u        /* D4 */
#define PAD_LED1 30u        /* D3 */
#define PAD_LED_WORD 0x203u /* open drain, lit when low */
#define PAD_BUTTON0 18u
#define PAD_BUTTON_WORD 0xE053u /* pulled up; its interrupt is the falling edge */

/* 8. UART: a PL011 with its clock chosen in CR, 32 bytes of FIFO each way. */
#define UART0_DR REG(0x4001C000u)
#define DR_BREAK (1u << 10)
#define DR_OVERRUN (1u << 11)
#define UART0_FR REG(0x4001C018u)
#define FR_BUSY (1u << 3)
#define FR_RX_EMPTY (1u << 4)
#define FR_TX_FULL (1u << 5)
#define FR_TX_EMPTY (1u << 7)
#define UART0_IBRD REG(0x4001C024u)
#define UART0_FBRD REG(0x4001C028u)
#define UART0_LCRH REG(0x4001C02Cu)
#define LCRH_8N1_FIFO 0x70u
#define UART0_CR REG(0x4001C030u)
#define CR_24MHZ (1u << 3 | 1u << 4)
#define CR_ON (1u << 0 | 1u << 8 | 1u << 9) /* UART, transmitter, receiver */
#define UART0_IFLS REG(0x4001C034u)
#define IFLS_16_16 0x12u
#define UART0_IER REG(0x4001C038u)
#define UART0_MIS REG(0x4001C040u)
#define UART0_IEC REG(0x4001C044u)
#define UART_INT_RX (1u << 4)
#define UART_INT_TX (1u << 5)
#define UART_INT_RX_TIMEOUT (1u << 6)
#define UART_INT_OVERRUN (1u << 10)
#define UART_INT_ALL 0x7FFu

/* 9. PDM */
#define PDM0_CTRL REG(0x40201000u)
#define PDM_CTRL_CLKEN (1u << 0)
#define PDM_CTRL_HFRC_24MHZ (2u << 1)
#define PDM_CTRL_RSTB (1u << 4)
#define PDM_CTRL_EN (1u << 6)
#define PDM0_CORECFG0 REG(0x40201004u)
#define PDM0_CORECFG1 REG(0x40201008u)
#define PDM0_FIFOFLUSH REG(0x40201018u)
#define PDM0_FIFOTHR REG(0x4020101Cu)
#define PDM0_INTEN REG(0x40201100u)
#define PDM0_INTSTAT REG(0x40201104u)
#define PDM0_INTCLR REG(0x40201108u)
#define PDM_INT_OVERFLOW (1u << 1)
#define PDM_INT_UNDERFLOW (1u << 2)
#define PDM_INT_DMA_COMPLETE (1u << 3)
#define PDM_INT_DMA_ERROR (1u << 4)
#define PDM0_DMATRIGEN REG(0x40201140u)
#define PDM_DMATRIGEN_THRESHOLD 1u
#define PDM0_DMACFG REG(0x40201148u)
#define PDM_DMACFG_EN 1u
#define PDM0_DMATARGADDR REG(0x40201154u)
#define PDM0_DMATOTCOUNT REG(0x40201250u)

/* 10. System timer, and the cycle counter of the core */
#define STIMER_HZ 6000000u
#define STIMER_STCFG REG(0x40008800u)
#define STCFG_HFRC_6MHZ 1u
#define STCFG_CLEAR (1u << 30)
#define STIMER_STTMR REG(0x40008804u)
#define DEMCR REG(0xE000EDFCu)
#define DEMCR_TRCENA (1u << 24)
#define DWT_CTRL REG(0xE0001000u)
#define DWT_CTRL_CYCCNTENA 1u
#define DWT_CYCCNT REG(0xE0001004u)

/* 11. Cache of the MRAM, and the line buffers between processor and RAM (DAXI) */
#define CPU_CACHECFG REG(0x48000000u)
/* One way of 4096 lines, instructions and data, clocks gated; not yet enabled. */
#define CACHECFG_64K 0x001007E0u
#define CACHECFG_ID (3u << 8)
#define CACHECFG_ENABLE 1u
#define CPU_CACHECTRL REG(0x48000008u)
#define CACHECTRL_INVALIDATE 1u
#define CACHECTRL_READY (1u << 2)
#define CPU_DAXICFG REG(0x48000050u)
/* Flush at level 1, aging on, all buffers, aging counter 2. */
#define DAXICFG_32_BUFFERS 0x00020F03u
#define CPU_DAXICTRL REG(0x48000054u)
#define DAXICTRL_FLUSH 1u
#define DAXICTRL_INVALIDATE (1u << 1)
#define DAXICTRL_READY (1u << 2)

/* 12. Reset, watchdog, identification */
#define RSTGEN_STAT REG(0x4000885Cu)
#define WDT_CFG REG(0x40024000u)
#define WDT_CFG_ENABLE 1u
#define MCUCTRL_CHIPPN REG(0x40020000u)
#define MCUCTRL_CHIPID0 REG(0x40020004u)
#define MCUCTRL_CHIPID1 REG(0x40020008u)
#define MCUCTRL_CHIPREV REG(0x4002000Cu)
#define MCUCTRL_SCRATCH1 REG(0x400201C4u) /* keeps its value over a reset */

/* The core's own (ARMv7-M): system control and interrupt controller. */
#define SCR REG(0xE000ED10u)
#define SCR_SLEEPDEEP (1u << 2)
#define AIRCR REG(0xE000ED0Cu)
#define AIRCR_RESET 0x05FA0004u
#define NVIC_ENABLE(irq) REG(0xE000E100u + (irq) / 32u * 4u)
#define NVIC_DISABLE(irq) REG(0xE000E180u + (irq) / 32u * 4u)
#define NVIC_UNPEND(irq) REG(0xE000E280u + (irq) / 32u * 4u)
#define NVIC_BIT(irq) (1u << (irq) % 32u)

#endif
