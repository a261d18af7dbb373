# build.mk - the screen's fonts: Terminus (SIL Open Font License 1.1), as Debian and Ubuntu ship it in the
# package console-setup-linux. Unpacked here and linked in as they are; font.c reads their format.

FONT_DIR ?= /usr/share/consolefonts
FONTS := $(foreach f,Terminus16 TerminusBold16 Terminus24x12 TerminusBold24x12 Terminus32x16 TerminusBold32x16,\
    $(BUILD)/fonts/Lat15-$(f).psf)

$(FONTS): $(BUILD)/fonts/%.psf:
	$(Q)mkdir -p $(@D)
	$(Q)[ -r $(FONT_DIR)/$*.psf.gz ] || { echo "Kedge's screen needs the font $(FONT_DIR)/$*.psf.gz" \
	    "(Debian, Ubuntu: apt install console-setup-linux; others: set FONT_DIR)" >&2; exit 1; }
	$(Q)gzip -dc $(FONT_DIR)/$*.psf.gz >$@

$(BUILD)/obj/drivers/font_files.S.o: $(FONTS)
